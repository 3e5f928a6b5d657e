from __future__ import annotations

import asyncio
import json
import math
import pickle
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import BaseDocumentCompressor, Document

import compositional_rerank as core
from compositional_rerank.errors import InputError
from langchain_compositional_rerank import CompositionalReranker

QUERY = "Who wrote Faust?"


@pytest.fixture
def compressor(core_reranker: core.CompositionalReranker) -> CompositionalReranker:
    return CompositionalReranker.from_reranker(core_reranker)


def test_names_every_score(compressor: CompositionalReranker, documents: list[Document]) -> None:
    ranked = compressor.compress_documents(documents, QUERY)
    assert isinstance(ranked, list)
    assert ranked[0].id == "1"
    assert ranked[-1].id == "4"
    for document in ranked:
        metadata = document.metadata
        assert type(metadata["relevance_score"]) is type(metadata["relevance"]) is float
        assert metadata["relevance_score"] == metadata["relevance"] <= 1
        assert (
            metadata["verdict"] is metadata["support"] is metadata["mismatch"] is metadata["evidence"] is None
        )
        assert metadata["retrieval_score"] == 9.0  # what an earlier reranker left
        assert metadata["page"] == int(document.id or -1)


@pytest.mark.parametrize("score", [0.5, 2, math.nan, np.float32(0.25), Decimal("1.5"), None])
def test_the_retrieval_score_is_read_and_named(core_reranker: core.CompositionalReranker, score: Any) -> None:
    compressor = CompositionalReranker.from_reranker(core_reranker, retrieval_score_key="score")
    metadata = compressor.compress_documents([Document("a", metadata={"score": score})], QUERY)[0].metadata
    assert metadata["score"] is score
    expected = None if score is None else float(score)
    assert repr(metadata["retrieval_score"]) == repr(expected)


FAUST = ["Goethe wrote Faust.", "Faust is a play.", "Rome is in Italy."]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"retrieval_score": [0.9, 0.8, 0.7], "score": [1, 2, 3]}, [0.9, 0.8, 0.7]),
        ({"relevance_score": [0.9, 0.8, 0.7]}, [0.9, 0.8, 0.7]),
        ({"score": [np.float32(4), Decimal(3), 2]}, [4, 3, 2]),
        ({"_score": [4, 3, 2], "score": ["A", "B", "C"]}, [4, 3, 2]),
        ({"similarity": [4, 3, None]}, [4, 3, None]),
        ({"_distance": [0.1, 0.2, 0.3]}, [-0.1, -0.2, -0.3]),
        ({"distance": [0.1, 0.2, 0.3]}, [-0.1, -0.2, -0.3]),
        ({"rating": [3, 2, 1]}, [None, None, None]),
    ],
)
def test_the_usual_metadata_keys_are_read(
    core_reranker: core.CompositionalReranker, metadata: dict[str, list[Any]], expected: list[float | None]
) -> None:
    documents = [
        Document(text, metadata={key: values[place] for key, values in metadata.items()})
        for place, text in enumerate(FAUST)
    ]
    compressor = CompositionalReranker.from_reranker(core_reranker, order="retriever")
    ranked = compressor.compress_documents(documents, QUERY)
    assert [document.page_content for document in ranked] == FAUST
    assert [document.metadata["retrieval_score"] for document in ranked] == expected
    kept = [1, 1 / math.log2(3), 1 / 2] if None in expected else expected
    assert [document.metadata["relevance_score"] for document in ranked] == pytest.approx(kept)
    for document, source in zip(ranked, documents, strict=True):
        ours = {"retrieval_score", "relevance_score"}
        theirs = {key: value for key, value in source.metadata.items() if key not in ours}
        assert theirs.items() <= document.metadata.items()


@pytest.mark.parametrize("value", ["high", True, ["a"], {"bm25": 3.1}, 10**400])
def test_a_retrieval_score_that_is_no_number_is_carried(
    compressor: CompositionalReranker, value: Any
) -> None:
    documents = [Document("a"), Document("b", metadata={"retrieval_score": value})]
    ranked = compressor.compress_documents(documents, QUERY)
    assert {d.page_content: d.metadata["retrieval_score"] for d in ranked} == {"a": None, "b": value}


def test_the_users_own_keys_stay_with_a_prefix(core_reranker: core.CompositionalReranker) -> None:
    compressor = CompositionalReranker.from_reranker(core_reranker, metadata_prefix="rerank_")
    own = {"relevance": "high", "mismatch": 3, "relevance_score": None, "retrieval_score": 0.5}
    own |= {"verdict": "guilty", "support": ["me"], "evidence": {"exhibit": 1}}
    metadata = compressor.compress_documents([Document("a", metadata=own)], QUERY)[0].metadata
    assert {key: metadata[key] for key in own} == own
    assert type(metadata["rerank_relevance"]) is type(metadata["rerank_relevance_score"]) is float
    assert metadata["rerank_retrieval_score"] == 0.5
    assert metadata["rerank_verdict"] is metadata["rerank_support"] is metadata["rerank_evidence"] is None


QUESTION = "Does the warranty cover water damage?"
WARRANTY = [
    "Terms\n\nWater damage is not covered by the warranty.",
    "The warranty covers water damage.",
    "Bread is baked in the early morning.",
]


@pytest.mark.parametrize("denials", ["auto", "keep", "penalise"])
@pytest.mark.parametrize("query", [QUESTION, "The warranty covers water damage."])
def test_verdicts_are_those_of_the_core(
    judging: core.CompositionalReranker, query: str, denials: Any
) -> None:
    compressor = CompositionalReranker.from_reranker(judging, denials=denials)
    ranked = compressor.compress_documents([Document(text) for text in WARRANTY], query)
    expected = judging.rerank(query, WARRANTY, denials=denials)
    assert any(result.evidence is not None for result in expected)
    for document, result in zip(ranked, expected, strict=True):
        metadata = json.loads(json.dumps(document.metadata))
        assert document.page_content == result.text
        assert (metadata["verdict"], metadata["support"], metadata["mismatch"]) == (
            result.verdict,
            result.support,
            result.mismatch,
        )
        assert metadata["evidence"] == (None if result.evidence is None else list(result.evidence))


@pytest.mark.parametrize("near_misses", ["demote", "penalise", "drop", "mark"])
@pytest.mark.parametrize("order", ["auto", "retriever", "mix", "relevance"])
def test_order_and_near_misses_are_those_of_the_core(
    judging: core.CompositionalReranker, order: Any, near_misses: Any
) -> None:
    policy = {"order": order, "near_misses": near_misses, "threshold": 0.25}
    scores = [0.75, 0.5, 0.25]
    documents = [
        Document(text, metadata={"score": score}) for text, score in zip(WARRANTY, scores, strict=True)
    ]
    ranked = CompositionalReranker.from_reranker(judging, **policy).compress_documents(documents, QUESTION)
    expected = judging.rerank(QUESTION, WARRANTY, retrieval_scores=scores, **policy)
    assert [
        (document.page_content, document.metadata["relevance_score"], document.metadata["near_miss"])
        for document in ranked
    ] == [(result.text, result.score, result.near_miss) for result in expected]


@pytest.mark.parametrize("most", [0, 1, np.int64(2)])
def test_no_more_than_asked_for_are_judged(judging: core.CompositionalReranker, most: int) -> None:
    compressor = CompositionalReranker.from_reranker(judging, max_verified=most)
    ranked = compressor.compress_documents([Document(text) for text in WARRANTY], QUESTION)
    assert sum(document.metadata["mismatch"] is not None for document in ranked) == most


def test_a_subclass_of_a_document_stays_one(compressor: CompositionalReranker) -> None:
    class Page(Document):
        number: int = 0

    page = compressor.compress_documents([Page("a", number=7)], QUERY)[0]
    assert isinstance(page, Page)
    assert page.number == 7


def test_min_score(core_reranker: core.CompositionalReranker, documents: list[Document]) -> None:
    compressor = CompositionalReranker.from_reranker(core_reranker, min_score=0.5, max_mismatch=0.5)
    ranked = compressor.compress_documents(documents, QUERY)
    assert 0 < len(ranked) < len(documents)
    assert all(document.metadata["relevance_score"] >= 0.5 for document in ranked)


def test_documents_of_any_iterable(compressor: CompositionalReranker, documents: list[Document]) -> None:
    expected = compressor.compress_documents(documents, QUERY)
    assert compressor.compress_documents(tuple(documents), QUERY) == expected
    assert compressor.compress_documents((document for document in documents), QUERY) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("documents", "query", "message"),
    [
        ([Document("a")], "", "query is blank"),
        ([], " ", "query is blank"),
        ([Document("a")], None, "query must be a str, got NoneType"),
        (["a"], QUERY, r"documents\[0\] must be a Document, got str"),
        ([Document("a"), None], QUERY, r"documents\[1\] must be a Document, got NoneType"),
        (None, QUERY, "documents must be a list of Document, got NoneType"),
        ("text", QUERY, "documents must be a list of Document, got str"),
    ],
)
async def test_bad_input_is_named(
    compressor: CompositionalReranker, documents: Any, query: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compressor.compress_documents(documents, query)
    with pytest.raises(InputError, match=message):
        await compressor.acompress_documents(documents, query)


def test_odd_texts(compressor: CompositionalReranker) -> None:
    texts = ["\ud800 lone", "\x00", "x" * 100_000, "日本語 😀", ""]
    ranked = compressor.compress_documents([Document(text) for text in texts], "lone \ud800")
    assert sorted(document.page_content for document in ranked) == sorted(texts)


def test_a_pickled_copy_ranks_alike(compressor: CompositionalReranker, documents: list[Document]) -> None:
    pickled = pickle.dumps(compressor)
    assert len(pickled) < 5000  # the configuration without the weights
    ranked = pickle.loads(pickled).compress_documents(documents, QUERY)
    expected = compressor.compress_documents(documents, QUERY)
    assert [document.id for document in ranked] == [document.id for document in expected]


def test_a_model_folder(core_reranker: core.CompositionalReranker, documents: list[Document]) -> None:
    from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve

    folder: Path = resolve(DEFAULT_BASE).path
    ranked = CompositionalReranker(model=str(folder), device="cpu").compress_documents(documents, QUERY)
    expected = core_reranker.rerank(QUERY, [document.page_content for document in documents])
    scores = [document.metadata["relevance_score"] for document in ranked]
    assert scores == pytest.approx([result.score for result in expected], abs=1e-5)


async def test_async_does_not_block_the_loop(
    compressor: BaseDocumentCompressor, core_reranker: core.CompositionalReranker, documents: list[Document]
) -> None:
    started, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_loop(module: Any, inputs: Any) -> None:
        loop.call_soon_threadsafe(started.set)
        assert released.wait(60), "the event loop stood still while the model computed"

    hook = core_reranker.encoder.transformer.register_forward_pre_hook(wait_for_the_loop)
    try:
        task = asyncio.create_task(compressor.acompress_documents(documents, QUERY))
        await started.wait()
        released.set()
        assert len(await task) == len(documents)
    finally:
        hook.remove()
