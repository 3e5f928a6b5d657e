"""The adapter inside LangChain: compression retriever, pipeline, LCEL, its own retriever."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import CharacterTextSplitter
from pydantic import ValidationError

import compositional_rerank as core
from compositional_rerank.errors import InputError
from langchain_compositional_rerank import CompositionalReranker, CompositionalRetriever, StructuralEmbeddings

TEXTS = [
    "Aspirin is not for children under twelve; ask a doctor before giving it.",
    "Children under twelve may take paracetamol, at most four times a day.",
    "The pharmacy opens at nine and closes at six.",
    "Medicine that was opened cannot be returned.",
    "Parking is free for the first hour.",
]
QUERY = "How often may children take paracetamol?"


@pytest.fixture
def compressor(core_reranker: core.CompositionalReranker) -> CompositionalReranker:
    return CompositionalReranker.from_reranker(core_reranker, top_n=2)


@pytest.fixture(scope="module")
def base(core_embedder: core.StructuralEmbedder) -> BaseRetriever:
    embeddings = StructuralEmbeddings.from_embedder(core_embedder)
    return InMemoryVectorStore.from_texts(TEXTS, embeddings).as_retriever(search_kwargs={"k": 4})


def test_embeddings_are_the_cores(core_embedder: core.StructuralEmbedder) -> None:
    embeddings = StructuralEmbeddings.from_embedder(core_embedder)
    assert embeddings.embed_documents(TEXTS) == core_embedder.encode_document(TEXTS).tolist()
    assert embeddings.embed_query(QUERY) == core_embedder.encode_query([QUERY])[0].tolist()
    assert embeddings.embed_documents([]) == []
    with pytest.raises(InputError, match=r"documents\[0\] must be a str"):
        embeddings.embed_documents([None])  # type: ignore[list-item]


async def test_contextual_compression_retriever(
    base: BaseRetriever, compressor: CompositionalReranker
) -> None:
    retriever = ContextualCompressionRetriever(base_compressor=compressor, base_retriever=base)
    documents = retriever.invoke(QUERY)
    assert len(documents) == 2
    assert documents[0].page_content == TEXTS[1]
    assert documents == await retriever.ainvoke(QUERY)


async def test_document_compressor_pipeline(base: BaseRetriever, compressor: CompositionalReranker) -> None:
    splitter = CharacterTextSplitter(separator="; ", chunk_size=50, chunk_overlap=0)
    pipeline = DocumentCompressorPipeline(transformers=[splitter, compressor])
    documents = pipeline.compress_documents(base.invoke(QUERY), QUERY)
    assert len(documents) == 2
    assert list(documents) == list(await pipeline.acompress_documents(base.invoke(QUERY), QUERY))


async def test_lcel_chain(base: BaseRetriever, compressor: CompositionalReranker) -> None:
    chain = (
        RunnableParallel(documents=base, query=RunnablePassthrough())
        | compressor.as_runnable()
        | RunnableLambda(lambda documents: [document.page_content for document in documents])
    )
    answer = chain.invoke(QUERY)
    assert answer[0] == TEXTS[1]
    assert len(answer) == 2
    assert await chain.ainvoke(QUERY) == answer
    assert chain.batch([QUERY, QUERY]) == [answer, answer]
    assert [piece async for piece in chain.astream(QUERY)] == [answer]
    assert compressor.as_runnable().get_name() == "CompositionalReranker"


@pytest.mark.parametrize("wrong", ["text", {"documents": []}, {"query": QUERY}, None])
def test_a_chain_that_hands_over_something_else_is_told(
    compressor: CompositionalReranker, wrong: Any
) -> None:
    with pytest.raises(InputError, match="a dict with 'documents' and 'query'"):
        compressor.as_runnable().invoke(wrong)


async def test_own_retriever(base: BaseRetriever, core_reranker: core.CompositionalReranker) -> None:
    reranker = CompositionalReranker.from_reranker(core_reranker)
    retriever = CompositionalRetriever(base_retriever=base, reranker=reranker)
    everything = retriever.invoke(QUERY)
    assert len(everything) == 4
    assert everything[0].page_content == TEXTS[1]
    assert await retriever.ainvoke(QUERY) == everything
    assert retriever.invoke(QUERY, k=1) == everything[:1]
    assert await retriever.ainvoke(QUERY, k=2) == everything[:2]
    limited = CompositionalRetriever(base_retriever=base, reranker=reranker, k=3)
    assert limited.invoke(QUERY) == everything[:3]
    assert limited.invoke(QUERY, k=None) == everything[:3]
    assert limited.invoke(QUERY, k=100) == everything


@pytest.mark.parametrize("k", [0, -1, True, "2", 1.5])
async def test_a_call_with_a_bad_k_is_refused(compressor: CompositionalReranker, k: Any) -> None:
    calls: list[str] = []

    def retrieve(query: str) -> list[Document]:
        calls.append(query)
        return []

    base: RunnableLambda[str, list[Document]] = RunnableLambda(retrieve)
    retriever = CompositionalRetriever(base_retriever=base, reranker=compressor)
    with pytest.raises(ValidationError):
        retriever.invoke(QUERY, k=k)
    with pytest.raises(ValidationError):
        await retriever.ainvoke(QUERY, k=k)
    with pytest.raises(TypeError, match="top_k"):
        retriever.invoke(QUERY, top_k=3)
    assert calls == []


def test_a_base_retriever_that_finds_nothing(compressor: CompositionalReranker) -> None:
    base: RunnableLambda[str, list[Document]] = RunnableLambda(lambda query: [])
    assert CompositionalRetriever(base_retriever=base, reranker=compressor).invoke(QUERY) == []


def test_a_run_is_traced(base: BaseRetriever, compressor: CompositionalReranker) -> None:
    class Runs(BaseCallbackHandler):
        def __init__(self) -> None:
            self.parents: list[UUID | None] = []
            self.found: list[int] = []

        def on_retriever_start(self, serialized: Any, query: str, **kwargs: Any) -> None:
            self.parents.append(kwargs["parent_run_id"])

        def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
            self.found.append(len(documents))

    runs = Runs()
    retriever = CompositionalRetriever(base_retriever=base, reranker=compressor)
    retriever.invoke(QUERY, config={"callbacks": [runs]})
    assert runs.found == [4, 2]  # the base retriever within ours
    assert runs.parents[0] is None
    assert runs.parents[1] is not None
