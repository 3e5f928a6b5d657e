"""The component: alone, in a pipeline, written to YAML and read again."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ByteStream
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.rankers.compositional_rerank import CompositionalRanker

from compositional_rerank import CompositionalReranker
from compositional_rerank.errors import InputError

QUERY = "Who wrote Faust?"
DENIED = "Terms\n\nWater damage is not covered by the warranty."
CLAIM = "The warranty covers water damage."
SETTINGS: dict[str, Any] = {
    "model": "sentence-transformers/all-MiniLM-L6-v2",
    "encoder": None,
    "verifier": "none",
    "device": "cpu",
    "backend": "openvino",
    "store": None,
    "on_store_error": "raise",
    "on_missing_verifier": "maxsim",
    "top_k": 3,
    "min_score": -0.5,
    "max_mismatch": 0.25,
    "order": "mix",
    "near_misses": "mark",
    "threshold": 0.5,
    "denials": "penalise",
    "max_verified": 0,
    "timeout": 2.5,
    "on_timeout": "keep",
    "meta_prefix": "rerank_",
}


@pytest.fixture
def ranker(core_reranker: CompositionalReranker) -> CompositionalRanker:
    return CompositionalRanker.from_reranker(core_reranker)


def test_order_scores_and_meta_are_those_of_the_core(
    core_reranker: CompositionalReranker, ranker: CompositionalRanker, documents: list[Document]
) -> None:
    before = copy.deepcopy(documents)
    found = ranker.run(QUERY, documents)["documents"]
    texts = [document.content or "" for document in documents]
    expected = core_reranker.rerank(QUERY, texts, retrieval_scores=[document.score for document in before])
    assert [document.id for document in found] == [str(result.index) for result in expected]
    for document, result in zip(found, expected, strict=True):
        assert document.score == result.score
        assert document.meta["relevance"] == result.relevance
        assert document.meta["retrieval_score"] == before[result.index].score
        assert document.meta["page"] == result.index
        assert document.meta["verdict"] is document.meta["mismatch"] is None
    assert documents == before


def test_verdicts_and_evidence(judging: CompositionalReranker) -> None:
    ranker = CompositionalRanker.from_reranker(judging, denials="keep")
    found = ranker.run(CLAIM, [Document(content=DENIED), Document(content="Ask the shop.")])["documents"]
    meta = next(document.meta for document in found if document.content == DENIED)
    (alone,) = judging.verify(CLAIM, [DENIED], denials="keep")
    assert (meta["verdict"], meta["support"]) == ("denies", alone.support)
    assert meta["mismatch"] == alone.mismatch
    assert DENIED[slice(*meta["evidence"])] == "Water damage is not covered by the warranty."


def test_cuts(ranker: CompositionalRanker, documents: list[Document]) -> None:
    assert len(ranker.run(QUERY, documents, top_k=2)["documents"]) == 2
    assert len(ranker.run(QUERY, documents, top_k=np.int64(2))["documents"]) == 2
    few = CompositionalRanker.from_reranker(ranker.reranker, top_k=1, min_score=0.5)
    assert [document.id for document in few.run(QUERY, documents)["documents"]] == ["1"]
    assert len(few.run(QUERY, documents, top_k=9)["documents"]) < len(documents)
    assert few.run(QUERY, []) == {"documents": []}


def test_nothing_is_lost(ranker: CompositionalRanker) -> None:
    image = Document(blob=ByteStream(b"hi", mime_type="image/png"), meta={"name": "a"})
    twin = Document(content="Goethe wrote Faust.", embedding=[0.5, 0.5])
    found = ranker.run(QUERY, [image, twin, twin, Document(id="lone", content="\ud800 lone")])["documents"]
    assert [document.content for document in found[:2]] == [twin.content] * 2
    assert found[0].embedding == [0.5, 0.5]
    assert (found[-1].id, found[-1].blob, found[-1].score) == (image.id, image.blob, -1.0)
    assert len(found) == 4


def test_documents_for_which_there_was_no_time_say_so_until_there_is(
    core_reranker: CompositionalReranker, documents: list[Document]
) -> None:
    late = CompositionalRanker.from_reranker(core_reranker, timeout=1e-6, on_timeout="keep")
    kept = late.run(QUERY, documents)["documents"]
    assert [(document.id, document.score) for document in kept] == [
        (document.id, document.score) for document in documents
    ]
    assert [document.meta["degraded"] for document in kept] == [["timeout"]] * len(documents)
    in_time = CompositionalRanker.from_reranker(core_reranker).run(QUERY, kept)["documents"]
    assert [document.meta["degraded"] for document in in_time] == [[]] * len(documents)


def test_the_users_own_keys_stay_with_a_prefix(core_reranker: CompositionalReranker) -> None:
    own = {"relevance": "high", "verdict": "guilty", "evidence": "none"}
    ranker = CompositionalRanker.from_reranker(core_reranker, meta_prefix="rerank_")
    (found,) = ranker.run(QUERY, [Document(content="Goethe wrote Faust.", meta=own)])["documents"]
    assert {key: found.meta[key] for key in own} == own
    assert type(found.meta["rerank_relevance"]) is float


def test_in_a_pipeline_that_goes_through_yaml(
    core_reranker: CompositionalReranker, documents: list[Document]
) -> None:
    store = InMemoryDocumentStore()
    store.write_documents([document for document in documents if document.content])
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(store))
    pipeline.add_component("ranker", CompositionalRanker.from_reranker(core_reranker, top_k=1))
    pipeline.connect("retriever.documents", "ranker.documents")
    ask = {"retriever": {"query": QUERY}, "ranker": {"query": QUERY}}
    (found,) = pipeline.run(ask)["ranker"]["documents"]
    assert found.content == "Goethe wrote Faust."
    again = Pipeline.loads(pipeline.dumps()).get_component("ranker")
    assert isinstance(again, CompositionalRanker)
    assert again.to_dict() == pipeline.get_component("ranker").to_dict()


def test_settings_make_the_round_trip() -> None:
    described = CompositionalRanker(**SETTINGS).to_dict()
    assert described["init_parameters"] == SETTINGS
    assert described["type"].startswith("haystack_integrations.components.rankers.compositional_rerank.")
    assert CompositionalRanker.from_dict(described).to_dict() == described


def test_warm_up_loads_the_model() -> None:
    ranker = CompositionalRanker(SETTINGS["model"], device="cpu")
    assert ranker.reranker._parts is None
    ranker.warm_up()
    assert ranker.reranker._parts is not None


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 0},
        {"top_k": True},
        {"min_score": math.nan},
        {"max_mismatch": 1.5},
        {"denials": "never"},
        {"max_verified": -1},
        {"backend": "onnx"},
    ],
)
def test_bad_settings_are_refused_before_a_model_is_loaded(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        CompositionalRanker("no-such-model", **settings)


@pytest.mark.parametrize(
    ("query", "documents", "message"),
    [
        (" ", [], "query is blank"),
        (QUERY, "text", r"documents\[0\] must be a Document, got str"),
        (QUERY, ["text"], r"documents\[0\] must be a Document, got str"),
        (QUERY, [Document(content="a"), None], r"documents\[1\] must be a Document, got NoneType"),
    ],
)
def test_bad_input_is_named(
    ranker: CompositionalRanker, query: str, documents: list[Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ranker.run(query, documents)
