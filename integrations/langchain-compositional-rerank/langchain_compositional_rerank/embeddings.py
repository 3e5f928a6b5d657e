"""StructuralEmbeddings: LangChain embeddings over the core embedder."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.embeddings import Embeddings
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from compositional_rerank import StructuralEmbedder


class StructuralEmbeddings(BaseModel, Embeddings):
    """Embeds texts with a sentence-transformers model; at ``sensitivity=0`` exactly as that model does.

    A ``sensitivity`` above 0 adds the checkpoint's structural part in dimensions of its own: build and ask an
    index with the same value. The model is loaded at first use. To share a loaded one, use `from_embedder`.

    Args:
        model: a sentence-transformers model, or a checkpoint; None is the default of compositional-rerank.
        device: torch device; None picks an accelerator where there is one.
        sensitivity: weight of the structural part, in [0, 1]; 0 is the base model alone.
        batch_size: texts per forward pass, at least 1.

    Example:
        >>> embeddings = StructuralEmbeddings()
        >>> len(embeddings.embed_query("Who wrote Faust?"))
        384
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(default=None, frozen=True)
    device: str | None = Field(default=None, frozen=True)
    sensitivity: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(default=0.0, frozen=True)
    batch_size: Annotated[int, Field(strict=True, ge=1)] = 32
    _embedder: StructuralEmbedder = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the settings; nothing is loaded yet."""
        self._embedder = StructuralEmbedder(self.model, device=self.device, sensitivity=self.sensitivity)

    @classmethod
    def from_embedder(cls, embedder: StructuralEmbedder, **settings: Any) -> StructuralEmbeddings:
        """Build the embeddings around a core embedder, so that one model serves several adapters.

        Args:
            embedder: the core embedder; a pickled copy of the embeddings loads it anew by its name.
            settings: fields other than ``model``, ``device`` and ``sensitivity``.
        """
        embeddings = cls(**{**embedder.settings, "sensitivity": embedder.sensitivity}, **settings)
        embeddings._embedder = embedder
        return embeddings

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector, L2-normalised, per text."""
        vectors = self._embedder.encode_document(texts, batch_size=self.batch_size)
        return [[float(component) for component in vector] for vector in vectors]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query, L2-normalised."""
        vectors = self._embedder.encode_query([text], batch_size=self.batch_size)
        return [float(component) for component in vectors[0]]
