"""StructuralEmbedder: texts -> pooled vectors, with one number that switches structure on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from compositional_rerank._quiet import quiet_loading
from compositional_rerank._text import without_surrogates
from compositional_rerank._validation import check_bound, check_count, check_texts
from compositional_rerank.config import locate
from compositional_rerank.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class StructuralEmbedder:
    """Embeds texts with a sentence-transformers model.

    At ``sensitivity=0`` the vectors are the base model's, bit for bit; a text longer than its window counts
    up to there, as it does in the base model. Safe to share between threads.

    Example:
        >>> embedder = StructuralEmbedder.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        >>> embedder.encode_query(["Who wrote Faust?"]).shape
        (1, 384)
    """

    def __init__(
        self, model: SentenceTransformer, *, name: str, fingerprint: str, sensitivity: float
    ) -> None:
        self.model = model
        self.name = name
        self.fingerprint = fingerprint
        self.sensitivity = sensitivity
        self._lock = (
            Lock()
        )  # encode() sets padding and truncation on the tokenizer, which threads would share

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | None = None, *, device: str | None = None, sensitivity: float = 0.0
    ) -> StructuralEmbedder:
        """Load an embedder.

        Args:
            name_or_path: any sentence-transformers model; None is the shipped default.
            device: torch device name; None picks an accelerator where there is one.
            sensitivity: weight of the structural part, in [0, 1]; 0 is the base model alone.

        Raises:
            ModelNotFoundError: no place has the model.
            CheckpointError: the model's files are unsafe or damaged.
            InputError: the sensitivity is out of range, or the model has no structural part.
        """
        from sentence_transformers import SentenceTransformer

        sensitivity = check_bound(sensitivity, "sensitivity", 0.0, 1.0) or 0.0
        files = locate(name_or_path).base
        if sensitivity > 0:
            raise InputError(
                f"sensitivity {sensitivity} needs a checkpoint with a structural part, which {files.name} "
                "has not: pass sensitivity=0"
            )
        try:
            with quiet_loading():
                model = SentenceTransformer(
                    str(files.path), device=device, model_kwargs={"use_safetensors": True}
                )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"{files.path} cannot be loaded as an embedding model: {error}") from error
        return cls(model, name=files.name, fingerprint=files.fingerprint, sensitivity=sensitivity)

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
        return self._encode(
            self.model.encode_query, check_texts(queries, "queries"), batch_size, show_progress
        )

    def encode_document(
        self, documents: Sequence[str], *, batch_size: int = 32, show_progress: bool = False
    ) -> NDArray[np.float32]:
        """Embed documents with the model's document prompt; arguments and result as in `encode_query`."""
        return self._encode(
            self.model.encode_document, check_texts(documents, "documents"), batch_size, show_progress
        )

    def _encode(
        self, encode: Callable[..., Any], texts: list[str], batch_size: int, show_progress: bool
    ) -> NDArray[np.float32]:
        size = check_count(batch_size, "batch_size")
        if size is None:
            raise InputError("batch_size is None: pass an int of at least 1")
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        readable = [without_surrogates(text) for text in texts]
        with self._lock:
            vectors = encode(
                readable, batch_size=size, normalize_embeddings=True, show_progress_bar=show_progress
            )
        return cast("NDArray[np.float32]", vectors)
