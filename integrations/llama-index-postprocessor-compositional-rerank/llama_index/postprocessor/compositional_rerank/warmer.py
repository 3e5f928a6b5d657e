"""CompositionalWarmer: fills the reranker's store while documents are ingested."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, TransformComponent
from llama_index.postprocessor.compositional_rerank.settings import RerankerSettings, passage_of
from typing_extensions import Self

from compositional_rerank import CompositionalReranker
from compositional_rerank.errors import InputError


class CompositionalWarmer(RerankerSettings, TransformComponent):
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

    _given: bool = PrivateAttr(default=False)

    @classmethod
    def from_reranker(cls, reranker: CompositionalReranker, **settings: Any) -> Self:
        """Build the component around a core reranker, whose store it fills, one in memory, too."""
        warmer = super().from_reranker(reranker, **settings)
        warmer._given = True
        return warmer

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Encode the nodes into the store.

        Returns:
            The same nodes.

        Raises:
            StoreError: the store could not keep them.
        """
        if self.store is None and not self._given:
            raise InputError(
                "CompositionalWarmer has no store to fill: pass store=FOLDER, or use from_reranker"
            )
        self.core.warm([passage_of(node) for node in nodes])
        return nodes

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """The same in a thread."""
        return await asyncio.to_thread(self, nodes, **kwargs)
