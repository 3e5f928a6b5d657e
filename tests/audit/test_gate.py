"""The gate names what broke a limit."""

from __future__ import annotations

from typing import Any

import pytest

from compositional_rerank.audit.gate import check_limits, judge
from compositional_rerank.errors import InputError


def report(**changes: Any) -> dict[str, Any]:
    cosine = {"ndcg@10": 0.50, "recall@100": 0.90}
    part = {"n": 4, "two_stage": {"rejection": 0.95}}
    return {
        "retrieval": {"c": {"cosine": cosine, "two_stage": {"ndcg@10": 0.49, "recall@100": 0.90}, **changes}},
        "near_misses": {
            "s": {
                "kind": "triples",
                "n": 8,
                "two_stage": {"rejection": 0.92},
                "by_edit_type": {"role": part, "negation": {"n": 4, "two_stage": {"rejection": 0.5}}},
            },
            "n": {"kind": "contrast", "n": 2, "two_stage": {"rejection": 0.0}, "by_edit_type": {}},
        },
    }


def test_a_drop_up_to_the_limit_passes() -> None:
    assert [line.passed for line in judge(report(), 0.01, None)] == [True, True]
    assert [line.passed for line in judge(report(), 0.009, None)] == [False, True]


def test_with_a_second_model_the_second_model_is_judged() -> None:
    lines = judge(report(against={"ndcg@10": 0.55, "recall@100": 0.80}), 0.01, None)
    assert [line.passed for line in lines] == [True, False]
    assert "ndcg@10 of against is 0.5500, 0.0500 above cosine's 0.5000" in str(lines[0])
    assert str(lines[1]).startswith("FAIL  c: recall@100 of against is 0.8000, 0.1000 below cosine's 0.9000")


def test_rejection_is_judged_for_every_set_and_edit_type() -> None:
    lines = judge(report(), None, 0.9)
    assert [(line.passed, line.text.split(":")[0]) for line in lines] == [
        (True, "s"),
        (True, "s / role"),
        (False, "s / negation"),
    ]


def test_an_edit_type_is_judged_where_it_has_near_misses_and_is_not_the_whole_set() -> None:
    data = report()
    types = data["near_misses"]["s"]["by_edit_type"]
    types["paraphrase"] = {"n": 4, "two_stage": {"rejection": None}}
    assert [line.text.split(":")[0] for line in judge(data, None, 0.9)] == ["s", "s / role", "s / negation"]
    data["near_misses"]["s"]["by_edit_type"] = {"role": types["role"]}
    assert [line.text.split(":")[0] for line in judge(data, None, 0.9)] == ["s", "s / role"]
    data["near_misses"]["s"]["by_edit_type"] = {"role": {"n": 8, "two_stage": {"rejection": 0.92}}}
    assert [line.text.split(":")[0] for line in judge(data, None, 0.9)] == ["s"]


def test_without_a_verifier_the_gate_fails() -> None:
    data = report()
    data["near_misses"]["s"]["two_stage"]["rejection"] = None
    line = judge(data, None, 0.0)[0]
    assert not line.passed
    assert "no verifier" in line.text


@pytest.mark.parametrize(
    ("drop", "rejection", "message"),
    [
        (1.5, None, "--max-recall-drop is 1.5; it has to be between 0 and 1"),
        (None, -0.1, "--min-rejection is -0.1"),
        (0.1, None, "needs a collection to judge"),
        (None, 0.1, "needs near-misses to judge"),
    ],
)
def test_a_limit_that_cannot_be_judged(drop: float | None, rejection: float | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_limits(drop, rejection, collections=0, near_miss_sets=0)
