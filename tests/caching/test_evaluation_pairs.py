"""The pairs that `same_question` is measured on: half near-misses, no shortcut, none met in training."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank.audit.answers import NATURAL_SUITE
from compositional_rerank.audit.metrics import auc

DATA = Path(__file__).parents[2] / "data"
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
DIFFERENCES = {
    *("comparison", "condition", "names", "negation", "numbers", "objects", "places", "quantities", "roles"),
    *("time", "versions"),
}


@pytest.fixture(scope="module")
def pairs() -> list[dict[str, Any]]:
    lines = (DATA / "evaluation/same_question.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shared_words(pair: dict[str, Any]) -> float:
    cached, new = (set(re.findall(r"\w+", pair[side].lower())) for side in ("cached", "new"))
    return len(cached & new) / len(cached | new)


def test_pairs_are_whole(pairs: list[dict[str, Any]]) -> None:
    assert Counter((pair["same"], pair["reworded"]) for pair in pairs) == {
        (same, reworded): 50 for same in (True, False) for reworded in ("lightly", "heavily")
    }
    assert len({pair["id"] for pair in pairs}) == 200
    assert {pair["difference"] for pair in pairs if not pair["same"]} == DIFFERENCES
    assert {pair["difference"] for pair in pairs if pair["same"]} == {None}
    assert len({pair[side] for pair in pairs for side in ("cached", "new")}) == 400


def test_pairs_are_new(pairs: list[dict[str, Any]]) -> None:
    files = [*(DATA / "contrast").glob("*.jsonl"), *(DATA / "calibration").glob("*.jsonl"), NATURAL_SUITE]
    seen = {text for path in files for text in JSON_STRING.findall(path.read_text("utf-8"))}
    assert len(seen) > 40_000
    texts = [pair[side] for pair in pairs for side in ("cached", "new")]
    assert [text for text in texts if json.dumps(text, ensure_ascii=False) in seen] == []


@pytest.mark.parametrize(
    ("reworded", "within"), [({"lightly", "heavily"}, 0.05), ({"lightly"}, 0.1), ({"heavily"}, 0.1)]
)
def test_shared_words_do_not_tell_the_same_question(
    pairs: list[dict[str, Any]], reworded: set[str], within: float
) -> None:
    some = [pair for pair in pairs if pair["reworded"] in reworded]
    area = auc([pair["same"] for pair in some], [shared_words(pair) for pair in some])
    assert area == pytest.approx(0.5, abs=within)


def test_order_and_length_do_not_tell_the_same_question(pairs: list[dict[str, Any]]) -> None:
    assert [pair["id"] for pair in pairs] == sorted(pair["id"] for pair in pairs)
    same = [pair["same"] for pair in pairs]
    assert auc(same, list(range(200))) == pytest.approx(0.5, abs=0.1)
    for length in (
        (len(pair["new"]) for pair in pairs),
        (len(pair["new"]) - len(pair["cached"]) for pair in pairs),
    ):
        assert auc(same, list(length)) == pytest.approx(0.5, abs=0.1)
