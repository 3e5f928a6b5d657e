"""CompositionalRetriever: a retriever whose candidates are reranked."""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, RetrieverLike
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict, Field, TypeAdapter

from langchain_compositional_rerank.compressor import CompositionalReranker
from langchain_compositional_rerank.settings import Count

_LIMIT: TypeAdapter[int | None] = TypeAdapter(Count | None)


class CompositionalRetriever(BaseRetriever):
    """Retrieves candidates with ``base_retriever`` and returns them reranked.

    Args:
        base_retriever: any retriever; let it return several times more documents than you need.
        reranker: the compressor that ranks them.
        k: return this many of the best, at least 1; None returns all. A call can pass its own:
            ``retriever.invoke(query, k=3)``.

    Example:
        >>> from langchain_core.runnables import RunnableLambda
        >>> documents = [Document("Paris is in France."), Document("Goethe wrote Faust.")]
        >>> retriever = CompositionalRetriever(base_retriever=RunnableLambda(lambda query: documents), k=1)
        >>> [document.page_content for document in retriever.invoke("Who wrote Faust?")]
        ['Goethe wrote Faust.']
    """

    model_config = ConfigDict(extra="forbid")

    base_retriever: RetrieverLike
    reranker: CompositionalReranker = Field(default_factory=CompositionalReranker)
    k: Count | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        limit = self._limit(k)
        config = RunnableConfig(callbacks=run_manager.get_child())
        documents = self.base_retriever.invoke(query, config=config)
        return self.reranker.compress_documents(documents, query)[:limit]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        limit = self._limit(k)
        config = RunnableConfig(callbacks=run_manager.get_child())
        documents = await self.base_retriever.ainvoke(query, config=config)
        return list(await self.reranker.acompress_documents(documents, query))[:limit]

    def _limit(self, k: int | None) -> int | None:
        checked = _LIMIT.validate_python(k)
        return self.k if checked is None else checked
