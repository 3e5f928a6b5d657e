"""StructuralEmbedding: a LlamaIndex embedding over the core embedder."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.postprocessor.compositional_rerank.settings import Component

from compositional_rerank import SHIPPED_NAME, StructuralEmbedder


class StructuralEmbedding(Component, BaseEmbedding):
    """Embeds texts with a sentence-transformers model; at ``sensitivity=0`` exactly as that model does.

    A ``sensitivity`` above 0 adds the checkpoint's structural part in dimensions of its own: build and ask an
    index with the same value. The model is loaded at first use. To share a loaded one, use `from_embedder`.

    Example:
        >>> embedding = StructuralEmbedding()
        >>> len(embedding.get_query_embedding("Who wrote Faust?"))
        384
    """

    model_name: str = Field(
        default=SHIPPED_NAME, frozen=True, description="A sentence-transformers model, or a checkpoint."
    )
    device: str | None = Field(
        default=None, frozen=True, description="Torch device; None picks an accelerator where there is one."
    )
    sensitivity: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.0, frozen=True, description="Weight of the structural part, in [0, 1]; 0 is the base model."
    )
    embed_batch_size: int = Field(default=32, gt=0, le=2048, description="Texts per forward pass.")
    _embedder: StructuralEmbedder = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the settings; nothing is loaded yet."""
        super().model_post_init(context)
        self._embedder = StructuralEmbedder(self.model_name, device=self.device, sensitivity=self.sensitivity)

    @classmethod
    def from_embedder(cls, embedder: StructuralEmbedder, **settings: Any) -> StructuralEmbedding:
        """Build the embedding around a core embedder, so that one model serves several adapters.

        Args:
            embedder: the core embedder; a serialised copy of the embedding loads it anew by its name.
            settings: fields other than ``model_name``, ``device`` and ``sensitivity``.
        """
        device = embedder.settings["device"]
        embedding = cls(model_name=embedder.name, device=device, sensitivity=embedder.sensitivity, **settings)
        embedding._embedder = embedder
        return embedding

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the class."""
        return "StructuralEmbedding"

    def _get_query_embedding(self, query: str) -> Embedding:
        vectors = self._embedder.encode_query([query], batch_size=self.embed_batch_size)
        return [float(component) for component in vectors[0]]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        vectors = self._embedder.encode_document(texts, batch_size=self.embed_batch_size)
        return [[float(component) for component in vector] for vector in vectors]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)
