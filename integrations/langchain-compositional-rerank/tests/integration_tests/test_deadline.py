"""A deadline, tasks, and what their documents say."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.documents import Document

import compositional_rerank as core
from compositional_rerank.errors import DeadlineError
from langchain_compositional_rerank import CompositionalReranker

QUERY = "Who wrote Faust?"


def test_documents_for_which_there_was_no_time_come_back_as_they_came(
    core_reranker: core.CompositionalReranker, documents: list[Document]
) -> None:
    late = CompositionalReranker.from_reranker(core_reranker, timeout=1e-6, on_timeout="keep", min_score=0.5)
    for ranked in (
        late.compress_documents(documents, QUERY),
        asyncio.run(late.acompress_documents(documents, QUERY)),
    ):
        assert [document.id for document in ranked] == [document.id for document in documents]
        for document in ranked:
            metadata = json.loads(json.dumps(document.metadata))
            assert metadata["degraded"] == ["timeout"]
            assert metadata["relevance_score"] is metadata["relevance"] is metadata["mismatch"] is None
    in_time = late.model_copy(update={"timeout": None}).compress_documents(ranked, QUERY)
    assert in_time
    assert all(document.metadata["degraded"] == [] for document in in_time)
    assert len(late.model_copy(update={"top_n": 2}).compress_documents(documents, QUERY)) == 2
    with pytest.raises(DeadlineError):
        late.model_copy(update={"on_timeout": "raise"}).compress_documents(documents, QUERY)


async def test_tasks_get_what_calls_get(
    core_reranker: core.CompositionalReranker, documents: list[Document]
) -> None:
    compressor = CompositionalReranker.from_reranker(core_reranker, timeout=600)
    expected = compressor.compress_documents(documents, QUERY)
    assert all(document.metadata["degraded"] == [] for document in expected)
    for found in await asyncio.gather(*(compressor.acompress_documents(documents, QUERY) for _ in range(20))):
        assert found == expected
