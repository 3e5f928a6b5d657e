"""Fields of the postprocessor: checks, round trips, copies."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore
from llama_index.postprocessor.compositional_rerank import CompositionalRerank
from pydantic import ValidationError

from compositional_rerank import CompositionalReranker

QUERY = "Who wrote Faust?"


@pytest.fixture
def rerank(reranker: CompositionalReranker) -> CompositionalRerank:
    return CompositionalRerank.from_reranker(reranker)


SETTINGS: dict[str, Any] = {
    "model": "sentence-transformers/all-MiniLM-L6-v2",
    "verifier": "none",
    "device": "cpu",
    "backend": "openvino",
    "top_n": 3,
    "min_score": -0.5,
    "max_mismatch": 0.25,
    "order": "retriever",
    "near_misses": "mark",
    "threshold": 0.5,
    "denials": "penalise",
    "max_verified": 0,
    "keep_retrieval_score": False,
    "retrieval_score_key": "first",
    "timeout": 2.5,
    "on_timeout": "keep",
    "on_store_error": "raise",
    "on_missing_verifier": "maxsim",
}


def fields(postprocessor: CompositionalRerank) -> dict[str, Any]:
    return {name: getattr(postprocessor, name) for name in SETTINGS}


def test_round_trips_keep_every_field() -> None:
    original = CompositionalRerank(**SETTINGS)
    for restored in (
        CompositionalRerank.from_dict(original.to_dict()),
        CompositionalRerank.from_json(original.to_json()),
        CompositionalRerank.model_validate(original.model_dump()),
        pickle.loads(pickle.dumps(original)),
        copy.deepcopy(original),
        original.model_copy(),
    ):
        assert fields(restored) == SETTINGS


def test_a_restored_copy_ranks_alike(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    rerank.top_n = 2
    expected = rerank.postprocess_nodes(nodes, query_str=QUERY)
    pickled = pickle.dumps(rerank)
    assert len(pickled) < 5000  # the configuration without the weights
    restored = pickle.loads(pickled)
    ranked = restored.postprocess_nodes(nodes, query_str=QUERY)
    assert [node.node_id for node in ranked] == [node.node_id for node in expected]
    assert [node.score for node in ranked] == pytest.approx([node.score for node in expected], abs=1e-5)


def test_copies_share_the_model(rerank: CompositionalRerank) -> None:
    assert copy.deepcopy(rerank).core is rerank.core


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 3},
        {"top_n": 0},
        {"top_n": -1},
        {"top_n": True},
        {"top_n": 1.5},
        {"top_n": "3"},
        {"min_score": math.nan},
        {"min_score": math.inf},
        {"min_score": "0.5"},
        {"max_mismatch": 1.5},
        {"max_mismatch": -0.5},
        {"max_mismatch": math.nan},
        {"denials": "never"},
        {"denials": None},
        {"max_verified": -1},
        {"max_verified": True},
        {"max_verified": "3"},
        {"retrieval_score_key": ""},
        {"retrieval_score_key": "relevance"},
        {"retrieval_score_key": "evidence"},
        {"retrieval_score_key": "degraded"},
        {"model": 3},
        {"store": 3},
        {"timeout": 0},
        {"timeout": math.inf},
        {"on_timeout": "drop"},
        {"on_store_error": "ignore"},
        {"backend": "onnx"},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        CompositionalRerank(**settings)


def test_a_loaded_model_cannot_be_renamed(rerank: CompositionalRerank) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        rerank.model = "another"
