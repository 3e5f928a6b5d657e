"""CompositionalRetriever: a retriever whose candidates are reranked."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, RetrieverLike
from langchain_core.runnables import RunnableConfig, run_in_executor
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from typing_extensions import Self

from compositional_rerank.errors import InputError
from langchain_compositional_rerank.compressor import CompositionalReranker
from langchain_compositional_rerank.scores import scored, turned
from langchain_compositional_rerank.settings import Count

_LIMIT: TypeAdapter[int | None] = TypeAdapter(Count | None)
_FETCHED = 50


class CompositionalRetriever(BaseRetriever):
    """Retrieves candidates with ``base_retriever`` and returns them reranked.

    LangChain's retrievers lose the scores of their documents. Give the vector store itself, and the reranker
    gets them; with a retriever it has what the documents' metadata hold, or their places in the list.

    Args:
        base_retriever: a vector store, or any retriever; let that return several times more documents than
            you need.
        reranker: the compressor that ranks them.
        k: return this many of the best, at least 1; None returns all. A call can pass its own:
            ``retriever.invoke(query, k=3)``.
        search_kwargs: what a vector store's search gets, such as a filter; ``"k"``, 50 by default, is how
            many documents are fetched. A retriever has its own.

    Example:
        >>> from langchain_core.runnables import RunnableLambda
        >>> documents = [Document("Paris is in France."), Document("Goethe wrote Faust.")]
        >>> retriever = CompositionalRetriever(base_retriever=RunnableLambda(lambda query: documents), k=1)
        >>> [document.page_content for document in retriever.invoke("Who wrote Faust?")]
        ['Goethe wrote Faust.']
    """

    model_config = ConfigDict(extra="forbid")

    base_retriever: RetrieverLike | VectorStore
    reranker: CompositionalReranker = Field(default_factory=CompositionalReranker)
    k: Count | None = None
    search_kwargs: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_search(self) -> Self:
        if self.search_kwargs and not isinstance(self.base_retriever, VectorStore):
            raise InputError(
                f"search_kwargs {sorted(self.search_kwargs)} are for a vector store, and base_retriever is a "
                f"{type(self.base_retriever).__name__}: set them there"
            )
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        limit = self._limit(k)
        if isinstance(self.base_retriever, VectorStore):
            return self._of_store(self.base_retriever, query)[:limit]
        config = RunnableConfig(callbacks=run_manager.get_child())
        documents = self.base_retriever.invoke(query, config=config)
        return self.reranker.compress_documents(documents, query)[:limit]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        limit = self._limit(k)
        if isinstance(self.base_retriever, VectorStore):
            found = await run_in_executor(None, self._of_store, self.base_retriever, query)
            return found[:limit]
        config = RunnableConfig(callbacks=run_manager.get_child())
        documents = await self.base_retriever.ainvoke(query, config=config)
        return list(await self.reranker.acompress_documents(documents, query))[:limit]

    def _of_store(self, store: VectorStore, query: str) -> list[Document]:
        found, scores = scored(store, query, {"k": _FETCHED, **self.search_kwargs})
        return self.reranker.ranked(found, query, None if scores is None else turned(scores))

    def _limit(self, k: int | None) -> int | None:
        checked = _LIMIT.validate_python(k)
        return self.k if checked is None else checked
