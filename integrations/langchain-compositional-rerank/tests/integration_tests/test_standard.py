"""LangChain's standard integration suites, on the real model."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests

import compositional_rerank as core
from langchain_compositional_rerank import CompositionalReranker, CompositionalRetriever, StructuralEmbeddings

TEXTS = [
    "Goethe wrote Faust.",
    "Faust is a play in two parts.",
    "Paris is in France.",
    "Rome is older than Paris.",
    "The dog bit the man.",
    "The man bit the dog.",
]


class TestStructuralEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return StructuralEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"device": "cpu"}


def test_a_store_with_the_structural_part() -> None:
    texts = ["The drug is not safe for children", "Children may take the drug", "Rome is in Italy"]
    plain, structural = (
        StructuralEmbeddings(device="cpu"),
        StructuralEmbeddings(device="cpu", sensitivity=1.0),
    )
    stores = [InMemoryVectorStore.from_texts(texts, embeddings) for embeddings in (plain, structural)]
    found = [
        {
            document.page_content: score
            for document, score in store.similarity_search_with_score("The drug is safe")
        }
        for store in stores
    ]
    assert len(structural.embed_query("Rome")) == len(plain.embed_query("Rome")) + 128
    # the near-miss moves away, and the unrelated text stays where it was
    assert found[1][texts[0]] < found[0][texts[0]] - 0.03
    assert found[1][texts[2]] == pytest.approx(found[0][texts[2]], abs=0.1)

    stores[0].embedding = structural
    with pytest.raises(ValueError, match=r"shape|dimension|size"):
        stores[0].similarity_search("The drug is safe")


class TestCompositionalRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _models(
        self, core_reranker: core.CompositionalReranker, core_embedder: core.StructuralEmbedder
    ) -> None:
        self.reranker = CompositionalReranker.from_reranker(core_reranker)
        self.embeddings = StructuralEmbeddings.from_embedder(core_embedder)

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return CompositionalRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        store = InMemoryVectorStore.from_texts(TEXTS, self.embeddings)
        base = store.as_retriever(search_kwargs={"k": 5})
        return {"base_retriever": base, "reranker": self.reranker}

    @property
    def retriever_query_example(self) -> str:
        return "Who wrote Faust?"
