"""A vector store in the retriever: its scores arrive, whatever it has of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore

import compositional_rerank as core
from langchain_compositional_rerank import CompositionalReranker, CompositionalRetriever, StructuralEmbeddings

QUERY = "Who wrote Faust?"
TEXTS = ["Paris is in France.", "Goethe wrote Faust.", "The play Faust has two parts.", "Rome is far away."]


class Distances(InMemoryVectorStore):
    """A store whose search counts by distance, as FAISS's or Chroma's, and says nothing of relevance."""

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        return [
            (document, 1 - score)
            for document, score in super().similarity_search_with_score(query, k, **kwargs)
        ]


class Relevances(Distances):
    """The same, and it says how to make relevance of its distances."""

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda distance: 1 - distance


class Unknown(Distances):
    """It knows no way for the distance that it was set up with, as FAISS does."""

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        raise ValueError("no supported normalization function")


class Silent(InMemoryVectorStore):
    """It gives no scores at all."""

    def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Document, float]]:
        raise NotImplementedError

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return [document for document, _ in super().similarity_search_with_score(query, k, **kwargs)]


@pytest.fixture(scope="module")
def embeddings(core_embedder: core.StructuralEmbedder) -> StructuralEmbeddings:
    return StructuralEmbeddings.from_embedder(core_embedder)


def retriever_of(
    store: type[InMemoryVectorStore],
    embeddings: StructuralEmbeddings,
    core_reranker: core.CompositionalReranker,
    **settings: Any,
) -> CompositionalRetriever:
    return CompositionalRetriever(
        base_retriever=store.from_texts(TEXTS, embeddings),
        reranker=CompositionalReranker.from_reranker(core_reranker, order="retriever"),
        **settings,
    )


@pytest.mark.parametrize(
    ("store", "turn"),
    [
        (InMemoryVectorStore, lambda cosine: cosine),
        (Relevances, lambda cosine: cosine),
        (Distances, lambda cosine: cosine - 1),
        (Unknown, lambda cosine: cosine - 1),
    ],
)
async def test_scores_of_every_kind_arrive_the_right_way_round(
    store: type[InMemoryVectorStore],
    turn: Callable[[float], float],
    embeddings: StructuralEmbeddings,
    core_reranker: core.CompositionalReranker,
) -> None:
    expected = InMemoryVectorStore.from_texts(TEXTS, embeddings).similarity_search_with_score(QUERY, 50)
    retriever = retriever_of(store, embeddings, core_reranker)
    ranked = retriever.invoke(QUERY)
    assert await retriever.ainvoke(QUERY) == ranked
    assert [document.page_content for document in ranked] == [found.page_content for found, _ in expected]
    scores = [document.metadata["retrieval_score"] for document in ranked]
    assert scores == pytest.approx([turn(cosine) for _, cosine in expected], abs=1e-5)
    assert scores == [document.metadata["relevance_score"] for document in ranked]


def test_a_store_without_scores_has_places(
    embeddings: StructuralEmbeddings, core_reranker: core.CompositionalReranker
) -> None:
    ranked = retriever_of(Silent, embeddings, core_reranker).invoke(QUERY)
    assert [document.metadata["retrieval_score"] for document in ranked] == [None] * 4
    worth = [1 / math.log2(1 + rank) for rank in (1, 2, 3, 4)]
    assert [document.metadata["relevance_score"] for document in ranked] == worth


def test_what_a_search_gets(
    embeddings: StructuralEmbeddings, core_reranker: core.CompositionalReranker
) -> None:
    def about_faust(document: Document) -> bool:
        return "Faust" in document.page_content

    search = {"k": 3, "filter": about_faust}
    ranked = retriever_of(InMemoryVectorStore, embeddings, core_reranker, search_kwargs=search).invoke(QUERY)
    assert sorted(document.page_content for document in ranked) == sorted(TEXTS[1:3])
    limited = retriever_of(InMemoryVectorStore, embeddings, core_reranker, k=1)
    assert len(limited.invoke(QUERY)) == 1
    assert len(limited.invoke(QUERY, k=2)) == 2


def test_the_users_metadata_are_no_scores_of_the_store(
    embeddings: StructuralEmbeddings, core_reranker: core.CompositionalReranker
) -> None:
    store = InMemoryVectorStore.from_texts(TEXTS, embeddings, [{"score": place} for place in range(4)])
    reranker = CompositionalReranker.from_reranker(core_reranker, order="retriever")
    for document in CompositionalRetriever(base_retriever=store, reranker=reranker).invoke(QUERY):
        assert document.metadata["score"] == TEXTS.index(document.page_content)
        assert -1 <= document.metadata["retrieval_score"] <= 1
