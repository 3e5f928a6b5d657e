"""Standard tests for compressors that rerank, in the style of ``langchain_tests``, which has none."""

from __future__ import annotations

import asyncio
import copy
from abc import abstractmethod
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_tests.base import BaseStandardTests

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from langchain_compositional_rerank import CompositionalReranker


class RerankersIntegrationTests(BaseStandardTests):
    """Base class: subclass it, name the class under test, its parameters and an example."""

    @property
    @abstractmethod
    def compressor_constructor(self) -> type[BaseDocumentCompressor]:
        """A `BaseDocumentCompressor` subclass to be tested."""

    @property
    def compressor_constructor_params(self) -> dict[str, Any]:
        """Parameters to pass to the constructor."""
        return {}

    @property
    @abstractmethod
    def query_example(self) -> str:
        """A query."""

    @property
    @abstractmethod
    def documents_example(self) -> list[Document]:
        """At least three documents, the best one for the query not first."""

    @property
    @abstractmethod
    def best_document_index(self) -> int:
        """Which of the documents answers the query."""

    @property
    def num_results_arg_name(self) -> str:
        """Constructor parameter for the number of results."""
        return "top_n"

    @property
    def score_metadata_key(self) -> str:
        """Metadata key of the score that sorted the documents."""
        return "relevance_score"

    @pytest.fixture
    def compressor(self) -> BaseDocumentCompressor:
        return self.compressor_constructor(**self.compressor_constructor_params)

    def test_best_document_comes_first(self, compressor: BaseDocumentCompressor) -> None:
        ranked = compressor.compress_documents(self.documents_example, self.query_example)
        best = self.documents_example[self.best_document_index]
        assert ranked[0].page_content == best.page_content
        assert all(isinstance(document, Document) for document in ranked)

    def test_nothing_is_lost(self, compressor: BaseDocumentCompressor) -> None:
        ranked = compressor.compress_documents(self.documents_example, self.query_example)
        texts = sorted(document.page_content for document in self.documents_example)
        assert sorted(document.page_content for document in ranked) == texts

    def test_scores_are_floats_that_fall(self, compressor: BaseDocumentCompressor) -> None:
        ranked = compressor.compress_documents(self.documents_example, self.query_example)
        scores = [document.metadata[self.score_metadata_key] for document in ranked]
        assert all(type(score) is float for score in scores)
        assert scores == sorted(scores, reverse=True)

    def test_own_score_wins_over_a_stale_one(self, compressor: BaseDocumentCompressor) -> None:
        stale = [
            document.model_copy(update={"metadata": {self.score_metadata_key: 1e9}})
            for document in self.documents_example
        ]
        ranked = compressor.compress_documents(stale, self.query_example)
        assert all(document.metadata[self.score_metadata_key] != 1e9 for document in ranked)

    def test_inputs_are_not_changed(self, compressor: BaseDocumentCompressor) -> None:
        documents = self.documents_example
        before = copy.deepcopy(documents)
        for document in compressor.compress_documents(documents, self.query_example):
            document.metadata["changed"] = True
        assert documents == before

    def test_ids_and_metadata_are_kept(self, compressor: BaseDocumentCompressor) -> None:
        documents = [
            document.model_copy(update={"id": f"id-{index}", "metadata": {"place": index}})
            for index, document in enumerate(self.documents_example)
        ]
        for document in compressor.compress_documents(documents, self.query_example):
            assert document.id == f"id-{document.metadata['place']}"

    def test_num_results_constructor_param(self) -> None:
        for count in (1, 3):
            params = {**self.compressor_constructor_params, self.num_results_arg_name: count}
            compressor = self.compressor_constructor(**params)
            ranked = compressor.compress_documents(self.documents_example, self.query_example)
            assert len(ranked) == count

    @pytest.mark.parametrize("count", [0, 1])
    def test_none_and_one_document(self, compressor: BaseDocumentCompressor, count: int) -> None:
        ranked = compressor.compress_documents(self.documents_example[:count], self.query_example)
        assert len(ranked) == count

    def test_equal_documents(self, compressor: BaseDocumentCompressor) -> None:
        ranked = compressor.compress_documents(self.documents_example[:1] * 3, self.query_example)
        assert len(ranked) == 3

    def test_callbacks_argument(self, compressor: BaseDocumentCompressor) -> None:
        ranked = compressor.compress_documents(self.documents_example, self.query_example, callbacks=[])
        assert len(ranked) == len(self.documents_example)

    async def test_acompress_documents(self, compressor: BaseDocumentCompressor) -> None:
        expected = compressor.compress_documents(self.documents_example, self.query_example)
        results = await asyncio.gather(
            *(compressor.acompress_documents(self.documents_example, self.query_example) for _ in range(3))
        )
        assert all(list(result) == list(expected) for result in results)


@pytest.fixture(scope="module")
def loaded() -> CompositionalReranker:
    return CompositionalReranker(model=DEFAULT_BASE, device="cpu")


class TestCompositionalReranker(RerankersIntegrationTests):
    @pytest.fixture
    def compressor(self, loaded: CompositionalReranker) -> BaseDocumentCompressor:
        return loaded

    @property
    def compressor_constructor(self) -> type[BaseDocumentCompressor]:
        return CompositionalReranker

    @property
    def compressor_constructor_params(self) -> dict[str, Any]:
        return {"model": DEFAULT_BASE, "device": "cpu"}

    @property
    def query_example(self) -> str:
        return "Who wrote Faust?"

    @property
    def documents_example(self) -> list[Document]:
        texts = ["Paris is in France.", "Goethe wrote Faust.", "Faust is a play.", "Rome is old."]
        return [Document(text) for text in texts]

    @property
    def best_document_index(self) -> int:
        return 1
