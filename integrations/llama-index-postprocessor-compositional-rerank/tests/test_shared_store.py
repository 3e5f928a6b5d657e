"""The address of a shared store shows no password; deadlines, and what their nodes say."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore
from llama_index.postprocessor.compositional_rerank import (
    CompositionalFaithfulnessEvaluator,
    CompositionalRerank,
    CompositionalWarmer,
)
from pydantic import ValidationError

from compositional_rerank import CompositionalReranker
from compositional_rerank.errors import DeadlineError, StoreError

ADDRESS, SHOWN = "redis://:s3cret@host:6379/0?ttl=60", "redis://:***@host:6379/0?ttl=60"
QUERY = "Who wrote Faust?"


@pytest.mark.parametrize("adapter", [CompositionalRerank, CompositionalWarmer])
def test_no_copy_shows_the_password(adapter: Any) -> None:
    one = adapter(store=ADDRESS)
    assert one.store == SHOWN
    shown = [repr(one), str(one), one.to_json(), repr(one.to_dict()), one.model_dump_json()]
    shown += [repr(one.model_dump()), repr(vars(one)), pickle.dumps(one).decode("latin1")]
    shown += [repr(one.core.settings), repr(one.__pydantic_private__)]
    assert [text for text in shown if "s3cret" in text] == []
    for again in (adapter.from_json(one.to_json()), pickle.loads(pickle.dumps(one))):
        assert again.store == SHOWN
    for again in (copy.deepcopy(one), one.model_copy(), adapter.from_dict(one.to_dict())):
        assert again.core.settings["store"].address().password == "s3cret"


def test_of_the_evaluator() -> None:
    evaluator = CompositionalFaithfulnessEvaluator(store=ADDRESS)
    assert "s3cret" not in repr(vars(evaluator)) + repr(evaluator)


@pytest.mark.parametrize("wrong", [{"top_k": 3}, {"top_n": 0}, {"retrieval_score_key": "relevance"}])
def test_errors_about_other_fields_do_not_show_it(wrong: dict[str, Any]) -> None:
    for make in (lambda given: CompositionalRerank(**given), CompositionalRerank.model_validate):
        with pytest.raises(ValidationError) as caught:
            make({"store": ADDRESS, **wrong})
        shown = [str(caught.value), repr(caught.value.errors()), *traceback.format_exception(caught.value)]
        assert "s3cret" not in "".join(shown)


def test_a_wrong_address_is_an_error_that_does_not_show_it() -> None:
    given = {"store": ADDRESS.replace("redis", "redsi")}
    for make in (lambda given: CompositionalRerank(**given), CompositionalRerank.model_validate):
        with pytest.raises(StoreError, match="scheme 'redsi'") as caught:
            make(given)
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_nodes_for_which_there_was_no_time_come_back_as_they_came(
    reranker: CompositionalReranker, nodes: list[NodeWithScore]
) -> None:
    late = CompositionalRerank.from_reranker(reranker, timeout=1e-6, on_timeout="keep", min_score=0.5)
    for ranked in (
        late.postprocess_nodes(nodes, query_str=QUERY),
        await late.apostprocess_nodes(nodes, query_str=QUERY),
    ):
        assert [node.node_id for node in ranked] == [node.node_id for node in nodes]
        assert [node.score for node in ranked] == [node.score for node in nodes]
        for node in ranked:
            assert node.metadata["degraded"] == ["timeout"]
            assert node.metadata["relevance"] is node.metadata["mismatch"] is None
            assert "degraded" in node.node.excluded_llm_metadata_keys
            assert "degraded" in node.node.excluded_embed_metadata_keys
    late.on_timeout = "raise"
    with pytest.raises(DeadlineError):
        late.postprocess_nodes(nodes, query_str=QUERY)
    late.timeout = 600.0
    in_time = late.postprocess_nodes(ranked, query_str=QUERY)
    assert in_time
    assert all(node.metadata["degraded"] == [] for node in in_time)
