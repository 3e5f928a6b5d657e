"""Embedded vector stores that people use, each with scores of its own: they arrive, and near-misses fall."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

import compositional_rerank as core
from langchain_compositional_rerank import CompositionalReranker, CompositionalRetriever, StructuralEmbeddings

QUERY = "The drug is safe for children."
TEXTS = [
    "The drug is not safe for children.",
    "Children can take the drug without risk.",
    "The train leaves at nine.",
    "Bread is baked in the early morning.",
]


def chroma(embeddings: StructuralEmbeddings, folder: Path) -> VectorStore:
    from langchain_chroma import Chroma

    return Chroma.from_texts(TEXTS, embeddings, persist_directory=str(folder))


def faiss(embeddings: StructuralEmbeddings, folder: Path) -> VectorStore:
    from langchain_community.vectorstores import FAISS

    return FAISS.from_texts(TEXTS, embeddings)


def lancedb(embeddings: StructuralEmbeddings, folder: Path) -> VectorStore:
    from langchain_community.vectorstores import LanceDB

    return LanceDB.from_texts(TEXTS, embeddings, uri=str(folder))


def qdrant(embeddings: StructuralEmbeddings, folder: Path) -> VectorStore:
    from langchain_qdrant import QdrantVectorStore

    return QdrantVectorStore.from_texts(TEXTS, embeddings, path=str(folder), collection_name="texts")


def store_of(make: Callable[..., VectorStore], *modules: str) -> object:
    missing = [name for name in modules if find_spec(name) is None]
    skip = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
    return pytest.param(make, marks=skip, id=make.__name__)


@pytest.mark.parametrize(
    "make",
    [
        store_of(chroma, "chromadb", "langchain_chroma"),
        store_of(faiss, "faiss", "langchain_community"),
        store_of(lancedb, "lancedb", "langchain_community"),
        store_of(qdrant, "qdrant_client", "langchain_qdrant"),
    ],
)
def test_scores_of_a_store_arrive(
    make: Callable[..., VectorStore],
    judging: core.CompositionalReranker,
    core_embedder: core.StructuralEmbedder,
    tmp_path: Path,
) -> None:
    embeddings = StructuralEmbeddings.from_embedder(core_embedder)
    by_cosine = InMemoryVectorStore.from_texts(TEXTS, embeddings).similarity_search(QUERY)
    store = make(embeddings, tmp_path)
    keep = CompositionalReranker.from_reranker(judging, order="retriever", near_misses="mark")
    kept = CompositionalRetriever(base_retriever=store, reranker=keep).invoke(QUERY)
    assert [document.page_content for document in kept] == [found.page_content for found in by_cosine]
    scores = [document.metadata["retrieval_score"] for document in kept]
    assert all(one > after for one, after in pairwise(scores))
    demote = CompositionalReranker.from_reranker(judging, order="retriever")
    ranked = CompositionalRetriever(base_retriever=store, reranker=demote).invoke(QUERY)
    assert ranked[0].page_content == TEXTS[1]
    assert next(one for one in ranked if one.page_content == TEXTS[0]).metadata["near_miss"]
    assert len(ranked) == len(TEXTS)
