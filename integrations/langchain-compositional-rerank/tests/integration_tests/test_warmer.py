"""Warming while documents are indexed, on the real model."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_text_splitters import CharacterTextSplitter

import compositional_rerank as core
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.errors import InputError
from langchain_compositional_rerank import CompositionalReranker, CompositionalWarmer

QUERY = "Who wrote Faust?"


@pytest.fixture
def stored(core_reranker: core.CompositionalReranker, tmp_path: Path) -> core.CompositionalReranker:
    """The same model with a store on disk."""
    return core_reranker.with_store(core.FileStore(tmp_path / "store"))


@pytest.fixture
def forwards(core_reranker: core.CompositionalReranker) -> Iterator[list[int]]:
    """Number of texts in every batch that the model computes."""
    counts: list[int] = []
    hook = core_reranker.encoder.transformer.register_forward_pre_hook(
        lambda module, inputs: counts.append(len(inputs[0]["input_ids"]))
    )
    yield counts
    hook.remove()


def test_after_warming_only_the_query_is_encoded(
    stored: core.CompositionalReranker, documents: list[Document], forwards: list[int]
) -> None:
    before = [document.model_copy(deep=True) for document in documents]
    warmed = CompositionalWarmer.from_reranker(stored).transform_documents(documents)
    assert warmed == documents == before
    assert len(stored.store) == len(documents)  # type: ignore[arg-type]
    forwards.clear()
    ranked = CompositionalReranker.from_reranker(stored).compress_documents(documents, QUERY)
    assert ranked[0].page_content == "Goethe wrote Faust."
    assert forwards == [1]


async def test_behind_a_splitter_and_in_a_loop(
    stored: core.CompositionalReranker, forwards: list[int]
) -> None:
    splitter = CharacterTextSplitter(separator=".", chunk_size=30, chunk_overlap=0)
    pieces = splitter.transform_documents([Document("Goethe wrote Faust. Paris is in France. Rome fell.")])
    assert len(pieces) > 1
    warmer = CompositionalWarmer.from_reranker(stored)
    assert await warmer.atransform_documents(pieces) == pieces
    forwards.clear()
    CompositionalReranker.from_reranker(stored).compress_documents(list(pieces), QUERY)
    assert forwards == [1]


def test_another_process_finds_the_store_by_its_folder(
    stored: core.CompositionalReranker, documents: list[Document], tmp_path: Path
) -> None:
    warmer = pickle.loads(pickle.dumps(CompositionalWarmer.from_reranker(stored)))
    assert (warmer.model, warmer.store) == (DEFAULT_BASE, str(tmp_path / "store"))
    warmer.transform_documents(documents)
    assert len(core.FileStore(tmp_path / "store")) == len(documents)
    reranker = pickle.loads(pickle.dumps(CompositionalReranker.from_reranker(stored, top_n=1)))
    assert reranker.store == warmer.store
    assert reranker.compress_documents(documents, QUERY)[0].page_content == "Goethe wrote Faust."


def test_the_backend_travels(documents: list[Document], tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra compositional-rerank[openvino] is not installed")
    store = str(tmp_path / "store")
    fast = core.CompositionalReranker.from_pretrained(DEFAULT_BASE, backend="openvino", store=store)
    warmer = pickle.loads(pickle.dumps(CompositionalWarmer.from_reranker(fast)))
    warmer.transform_documents(documents)
    assert len(core.FileStore(store)) == len(documents)
    reranker = pickle.loads(pickle.dumps(CompositionalReranker.from_reranker(fast)))
    assert (warmer.backend, reranker.backend) == ("openvino", "openvino")
    found = [document.metadata["relevance"] for document in reranker.compress_documents(documents, QUERY)]
    texts = [document.page_content for document in documents]
    assert found == [one.relevance for one in fast.rerank(QUERY, texts)]


def test_no_store_is_an_error(core_reranker: core.CompositionalReranker, documents: list[Document]) -> None:
    with pytest.raises(InputError, match="no store to fill"):
        CompositionalWarmer(model=DEFAULT_BASE).transform_documents(documents)
    in_memory = core.CompositionalReranker.from_parts(core_reranker.encoder, name="memory")
    CompositionalWarmer.from_reranker(in_memory).transform_documents(documents)
    assert len(in_memory.store) == len(documents)  # type: ignore[arg-type]


def test_bad_documents_are_errors(stored: core.CompositionalReranker) -> None:
    warmer = CompositionalWarmer.from_reranker(stored)
    with pytest.raises(InputError, match=r"documents\[0\] must be a Document"):
        warmer.transform_documents(["text"])  # type: ignore[list-item]
    assert list(warmer.transform_documents([])) == []
