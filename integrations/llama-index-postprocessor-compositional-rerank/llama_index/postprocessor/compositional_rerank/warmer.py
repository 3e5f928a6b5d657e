"""CompositionalWarmer: fills the reranker's store while documents are ingested."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, model_validator
from llama_index.core.schema import BaseNode, TransformComponent
from llama_index.postprocessor.compositional_rerank.base import Backend, load, names_of, passage_of

from compositional_rerank.errors import InputError
from compositional_rerank.lazy import Lazy

if TYPE_CHECKING:
    from compositional_rerank import CompositionalReranker


class CompositionalWarmer(TransformComponent):
    """Encodes nodes once, while they are ingested, so that `CompositionalRerank` only encodes the query.

    The nodes pass through as they are. Put it behind everything that changes a node's text or metadata: a
    passage is found again by the text that an embedding model would read. The model is loaded at first use.

    Raises:
        InputError: there is no store to fill.

    Example:
        >>> import tempfile
        >>> from llama_index.core import Document
        >>> from llama_index.core.ingestion import IngestionPipeline
        >>> from llama_index.postprocessor.compositional_rerank import CompositionalRerank
        >>> folder = tempfile.mkdtemp()
        >>> pipeline = IngestionPipeline(transformations=[CompositionalWarmer(store=folder)])
        >>> nodes = pipeline.run(documents=[Document(text="Goethe wrote Faust.")])
        >>> rerank = CompositionalRerank(store=folder)  # finds the token vectors there
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        default=None,
        frozen=True,
        description="Name or folder of the model; None is the default of compositional-rerank.",
    )
    device: str | None = Field(
        default=None, frozen=True, description="Torch device; None picks an accelerator where there is one."
    )
    backend: Backend = Field(
        default="torch",
        frozen=True,
        description="What runs the networks: torch, or openvino (CPU only, several times faster there).",
    )
    store: str | None = Field(
        default=None, frozen=True, description="Folder to fill; None only with from_reranker."
    )
    _reranker: Lazy[CompositionalReranker] = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _drop_class_name(cls, values: Any) -> Any:
        # model_dump() of every LlamaIndex component writes its class name among the fields
        if isinstance(values, dict) and values.get("class_name") == cls.class_name():
            return {key: value for key, value in values.items() if key != "class_name"}
        return values

    def model_post_init(self, context: Any, /) -> None:
        """Prepare to load the model at first use."""
        super().model_post_init(context)
        self._reranker = Lazy(_load, self.model, self.device, self.backend, self.store)

    @classmethod
    def from_reranker(cls, reranker: CompositionalReranker) -> CompositionalWarmer:
        """Build the component around a loaded reranker, whose store it fills."""
        warmer = cls(**names_of(reranker))
        warmer._reranker = warmer._reranker.holding(reranker)
        return warmer

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the class."""
        return "CompositionalWarmer"

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Encode the nodes into the store.

        Returns:
            The same nodes.

        Raises:
            StoreError: the store could not keep them.
        """
        from compositional_rerank.warming import warm

        warm(self._reranker.get(), [passage_of(node) for node in nodes])
        return nodes

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """The same in a thread."""
        return await asyncio.to_thread(self, nodes, **kwargs)


def _load(
    model: str | None, device: str | None, backend: Backend, store: str | None
) -> CompositionalReranker:
    if store is None:
        raise InputError("CompositionalWarmer has no store to fill: pass store=FOLDER, or use from_reranker")
    return load(model, device, backend, store)
