"""StructuralEmbedder: texts -> pooled vectors, with one number that switches structure on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compositional_rerank._validation import check_bound, check_count, check_device, check_texts, required
from compositional_rerank.checkpoints.loaded_once import LoadedOnce
from compositional_rerank.encoding.surrogates import without_surrogates
from compositional_rerank.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A loaded embedding model.

    Args:
        model: the base model, at a sensitivity above 0 with the structural part as its last module.
        name: under which it is found again.
        fingerprint: changes with anything that the vectors depend on.
        sensitivity: weight of the structural part, in [0, 1].
    """

    model: SentenceTransformer
    name: str
    fingerprint: str
    sensitivity: float


class StructuralEmbedder(LoadedOnce["_Loaded"]):
    """Embeds texts with a sentence-transformers model, and with a checkpoint's structural part if asked to.

    At ``sensitivity=0`` the vectors are the base model's, bit for bit. Above, the structural part follows in
    dimensions of its own, weighted by the sensitivity: near-misses of a text move away from it, and all else
    is to keep its similarity. It is computed from the same forward pass. Texts longer than the part reads
    (`StructuralConfig.longest`) keep the base's vector, followed by zeros. A text longer than the model's
    window counts up to there, as it does in the base model. Safe to share between threads.

    The constructor checks the settings; the model is loaded at first use, and `from_pretrained` loads at
    once. Copies share what is loaded; a pickle holds the settings.

    Args:
        model: any sentence-transformers model, or a checkpoint; None is the shipped checkpoint.
        device: torch device name; None or ``"auto"`` picks an accelerator where there is one.
        sensitivity: weight of the structural part, in [0, 1]; 0 is the base model alone, None what the
            checkpoint recommends, which is 0 where it has no structural part.

    Raises:
        InputError: the sensitivity is out of range, or the device is not on this machine.

    Example:
        >>> embedder = StructuralEmbedder("sentence-transformers/all-MiniLM-L6-v2")
        >>> embedder.encode_query(["Who wrote Faust?"]).shape
        (1, 384)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        device: str | None = None,
        sensitivity: float | None = 0.0,
    ) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {
            "model": None if model is None else os.fspath(model),
            "device": check_device(device),
            "sensitivity": check_bound(sensitivity, "sensitivity", 0.0, 1.0),
        }
        self._encoding = Lock()  # encode() sets padding and truncation on the tokenizer that threads share

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] | None = None,
        *,
        device: str | None = None,
        sensitivity: float | None = 0.0,
    ) -> StructuralEmbedder:
        """Load an embedder now; the arguments are the constructor's.

        Raises:
            ModelNotFoundError: no place has the model.
            CheckpointError: the model's files are unsafe or damaged.
            InputError: the sensitivity is out of range, or the model has no structural part.
        """
        embedder = cls(name_or_path, device=device, sensitivity=sensitivity)
        embedder._loaded()
        return embedder

    @property
    def settings(self) -> dict[str, Any]:
        """What a pickle holds: model, device and sensitivity."""
        return self._settings

    @property
    def model(self) -> SentenceTransformer:
        """The sentence-transformers model."""
        return self._loaded().model

    @property
    def name(self) -> str:
        """Name of the model, as the user calls it."""
        return self._loaded().name

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) that changes with anything that the vectors depend on."""
        return self._loaded().fingerprint

    @property
    def sensitivity(self) -> float:
        """Weight of the structural part, in [0, 1]."""
        return self._loaded().sensitivity

    @property
    def dimension(self) -> int:
        """Number of components of a vector."""
        return int(self.model.get_embedding_dimension() or 0)

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
        size = required(check_count(batch_size, "batch_size"), "batch_size")
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        readable = [without_surrogates(text) for text in texts]
        from compositional_rerank.backends.precision import full_precision  # imports torch

        encode = full_precision(getattr(self.model, method))
        with self._encoding:
            vectors: NDArray[np.float32] = encode(
                readable, batch_size=size, normalize_embeddings=True, show_progress_bar=show_progress
            )
        return vectors

    def _load(self) -> _Loaded:
        return _load(**self._settings)


def _load(model: str | None, device: str | None, sensitivity: float | None) -> _Loaded:
    # these take seconds to import
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    from compositional_rerank.checkpoints.base_models import UNLOADABLE
    from compositional_rerank.checkpoints.config import STRUCTURAL_FILE
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.checkpoints.quiet import quiet_loading

    found = locate(model)
    files, structural = found.base, None if found.config is None else found.config.structural
    if sensitivity is None:
        sensitivity = 0.0 if structural is None else structural.sensitivity
    if sensitivity > 0 and structural is None:
        raise InputError(
            f"sensitivity {sensitivity} needs a checkpoint with a structural part, which {found.name} has "
            "not: pass sensitivity=0, or train one (compositional-rerank train embedder)"
        )
    try:
        with quiet_loading():
            loaded = SentenceTransformer(
                str(files.path),
                device=device,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
    except (*UNLOADABLE, SafetensorError) as error:
        raise CheckpointError(f"{files.path} cannot be loaded as an embedding model: {error}") from error
    if sensitivity == 0 or structural is None or found.folder is None or found.config is None:
        return _Loaded(loaded, files.name, files.fingerprint, sensitivity)
    from compositional_rerank.encoding.structural import load_part

    load_part(loaded, found.folder / STRUCTURAL_FILE, structural, sensitivity)
    settings = f"{files.fingerprint} {found.config.files[STRUCTURAL_FILE]} sensitivity={sensitivity}"
    fingerprint = hashlib.sha256(settings.encode()).hexdigest()
    return _Loaded(loaded, found.name, fingerprint, sensitivity)
