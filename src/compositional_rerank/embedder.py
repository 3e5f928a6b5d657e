"""StructuralEmbedder: texts -> pooled vectors, with one number that switches structure on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from compositional_rerank._quiet import quiet_loading
from compositional_rerank._text import without_surrogates
from compositional_rerank._validation import check_bound, check_count, check_texts
from compositional_rerank.config import STRUCTURAL_FILE, locate
from compositional_rerank.errors import CheckpointError, InputError
from compositional_rerank.structural import AXES, load_structural
from compositional_rerank.verifier import has_fast_bfloat16

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class StructuralEmbedder:
    """Embeds texts with a sentence-transformers model, and with a checkpoint's structural part if asked to.

    At ``sensitivity=0`` the vectors are the base model's, bit for bit. At ``sensitivity=s`` the structural
    part follows in dimensions of its own, so that the cosine of two texts is ``(1 - s)`` times the base's
    plus ``s`` times that of the structural parts. Those are alike where two texts mean the same, and at right
    angles elsewhere. Passages that are too long for the part (`StructuralConfig.longest`) are all alike to a
    query, so that the base model alone ranks them; shorter texts cost a second forward pass. A text longer
    than the base model's window counts up to there, as it does in the base model. Safe to share between
    threads.

    Args:
        model: the base model.
        name: under which `from_pretrained` finds it again.
        fingerprint: changes with anything that the vectors depend on.
        sensitivity: weight of the structural part, in [0, 1].
        part: the structural encoder; None at ``sensitivity=0``.
        longest: longest text in tokens that ``part`` reads.

    Example:
        >>> embedder = StructuralEmbedder.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        >>> embedder.encode_query(["Who wrote Faust?"]).shape
        (1, 384)
    """

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        name: str,
        fingerprint: str,
        sensitivity: float,
        part: SentenceTransformer | None = None,
        longest: int = 0,
    ) -> None:
        self.model = model
        self.part = part
        self.longest = longest
        self.name = name
        self.fingerprint = fingerprint
        self.sensitivity = sensitivity
        self._lock = (
            Lock()
        )  # encode() sets padding and truncation on the tokenizer, which threads would share

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | None = None, *, device: str | None = None, sensitivity: float | None = 0.0
    ) -> StructuralEmbedder:
        """Load an embedder.

        Args:
            name_or_path: any sentence-transformers model, or a checkpoint; None is the shipped checkpoint.
            device: torch device name; None picks an accelerator where there is one.
            sensitivity: weight of the structural part, in [0, 1]; 0 is the base model alone, None what the
                checkpoint recommends, which is 0 where it has no structural part.

        Raises:
            ModelNotFoundError: no place has the model.
            CheckpointError: the model's files are unsafe or damaged.
            InputError: the sensitivity is out of range, or the model has no structural part.
        """
        from sentence_transformers import SentenceTransformer

        found = locate(name_or_path)
        files, structural = found.base, None if found.config is None else found.config.structural
        if sensitivity is None:
            sensitivity = 0.0 if structural is None else structural.sensitivity
        sensitivity = check_bound(sensitivity, "sensitivity", 0.0, 1.0) or 0.0
        if sensitivity > 0 and structural is None:
            raise InputError(
                f"sensitivity {sensitivity} needs a checkpoint with a structural part, which {found.name} "
                "has not: pass sensitivity=0, or train one (compositional-rerank train embedder)"
            )
        try:
            with quiet_loading():
                model = SentenceTransformer(
                    str(files.path), device=device, model_kwargs={"use_safetensors": True}
                )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"{files.path} cannot be loaded as an embedding model: {error}") from error
        if sensitivity == 0 or structural is None or found.folder is None or found.config is None:
            return cls(model, name=files.name, fingerprint=files.fingerprint, sensitivity=sensitivity)
        weights = found.folder / STRUCTURAL_FILE
        part = load_structural(files, weights, structural.dimension, str(model.device))
        part.prompts, part.default_prompt_name = model.prompts, model.default_prompt_name
        settings = f"{files.fingerprint} {found.config.files[STRUCTURAL_FILE]} sensitivity={sensitivity}"
        fingerprint = hashlib.sha256(settings.encode()).hexdigest()
        return cls(
            model,
            name=found.name,
            fingerprint=fingerprint,
            sensitivity=sensitivity,
            part=part,
            longest=structural.longest,
        )

    @property
    def dimension(self) -> int:
        """Number of components of a vector."""
        base = int(self.model.get_embedding_dimension() or 0)
        return base if self.part is None else base + int(self.part.get_embedding_dimension() or 0) + AXES

    def encode_query(
        self, queries: Sequence[str], *, batch_size: int = 32, show_progress: bool = False
    ) -> NDArray[np.float32]:
        """Embed queries with the model's query prompt.

        Args:
            queries: ``n`` texts.
            batch_size: texts per forward pass, at least 1.
            show_progress: whether to draw a progress bar on stderr.

        Returns:
            float32 ``[n, dimension]``, L2-normalised.

        Raises:
            InputError: ``queries`` is not a list of str.
        """
        return self._encode("encode_query", check_texts(queries, "queries"), batch_size, show_progress)

    def encode_document(
        self, documents: Sequence[str], *, batch_size: int = 32, show_progress: bool = False
    ) -> NDArray[np.float32]:
        """Embed documents with the model's document prompt; arguments and result as in `encode_query`."""
        return self._encode("encode_document", check_texts(documents, "documents"), batch_size, show_progress)

    def _encode(
        self, method: str, texts: list[str], batch_size: int, show_progress: bool
    ) -> NDArray[np.float32]:
        size = check_count(batch_size, "batch_size")
        if size is None:
            raise InputError("batch_size is None: pass an int of at least 1")
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        readable = [without_surrogates(text) for text in texts]
        settings = {"batch_size": size, "normalize_embeddings": True, "show_progress_bar": show_progress}
        with self._lock:
            vectors: NDArray[np.float32] = getattr(self.model, method)(readable, **settings)
            if self.part is None:
                return vectors
            structural = self._structural(self.part, method, readable, settings)
        parts = [np.sqrt(1 - self.sensitivity) * vectors, np.sqrt(self.sensitivity) * structural]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _structural(
        self, part: SentenceTransformer, method: str, texts: list[str], settings: dict[str, Any]
    ) -> NDArray[np.float32]:
        """The structural parts, float32 ``[n, dimension of the part]``, L2-normalised."""
        ids = part.tokenizer(texts, truncation=False, padding=False, verbose=False)["input_ids"]
        short = [place for place, row in enumerate(ids) if len(row) <= self.longest]
        found = np.zeros((len(texts), self.dimension - int(self.model.get_embedding_dimension() or 0)), "f4")
        # a long query and a long passage share nothing, so that passages of any length are alike to the query
        found[:, -1 if method == "encode_query" else -2] = 1
        if short:
            with torch.autocast(part.device.type, torch.bfloat16, enabled=has_fast_bfloat16(part.device)):
                vectors = getattr(part, method)([texts[p] for p in short], convert_to_tensor=True, **settings)
            found[short, -AXES:] = 0
            found[short, :-AXES] = torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy()
        return found
