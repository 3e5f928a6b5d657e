"""Sets of queries with answers and near-misses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compositional_rerank.audit.answers import AnswerSet, read_answers
from compositional_rerank.audit.formats import read_suite
from compositional_rerank.audit.near_misses import evaluate, summarise
from compositional_rerank.audit.systems import SystemScores
from compositional_rerank.errors import DataError

ROW = {"query": "Who won?", "answers": ["Ada won."], "near_misses": ["Ada lost."]}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_texts_and_objects_are_read_alike(tmp_path: Path) -> None:
    other = {
        **ROW,
        "answers": [{"text": "Ada won.", "verdict": "supports"}],
        "edit_type": "role",
        "form": "question",
    }
    data = read_answers(write(tmp_path / "a.jsonl", ROW, other))
    assert data.answers[0] == data.answers[1] == ("Ada won.",)
    assert (data.name, data.edit_types, data.forms) == ("a", (None, "role"), (None, "question"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": []}, "field 'answers' has 0 texts; at least 1"),
        ({"answers": "Ada won."}, "field 'answers' is 'Ada won.'; it has to be a list"),
        ({"near_misses": [3]}, "field 'text' is int 3"),
        ({"near_misses": None}, "field 'near_misses' is None"),
        ({"query": " "}, "field 'query' is empty"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = write(tmp_path / "a.jsonl", ROW, {**ROW, **change})
    with pytest.raises(DataError, match=r"a\.jsonl:2: ") as raised:
        read_answers(file)
    assert said in str(raised.value)


class _Scores:
    """Scores that say how long a text is; what is measured is the counting, not a model."""

    names = ("cosine", "two_stage")

    def score_pairs(self, texts1: list[str], texts2: list[str], label: str) -> dict[str, SystemScores]:
        lengths = np.array([len(text) for text in texts2], dtype=np.float64)
        return {"cosine": SystemScores(lengths), "two_stage": SystemScores(lengths, 1 - lengths / 10)}


def test_shares_are_counted_by_query_and_by_form() -> None:
    data = AnswerSet(
        "made",
        ["a?", "b?", "keys"],
        [["12345", "1"], ["1234"], ["12"]],
        [["123"], ["12345"], []],
        ["role", "role", None],
        ["question", "yes_no", "keywords"],
    )
    report: Any = summarise(evaluate(_Scores(), data), threshold=0.75, seed=0)  # type: ignore[arg-type]
    assert report["n"] == 6
    assert report["cosine"]["right_above"] == pytest.approx((0.5 + 0.0) / 2)  # by query, then their mean
    assert report["two_stage"]["false_rejection"] == pytest.approx(2 / 4)  # "1" and "12"
    assert report["two_stage"]["rejection"] == 0.0
    assert {form: part["cosine"]["right_above"] for form, part in report["by_form"].items()} == {
        "question": 0.5,
        "yes_no": 0.0,
        "keywords": None,
    }
    assert list(report["by_edit_type"]) == ["role"]


def test_the_natural_suite_is_as_large_as_it_says() -> None:
    suite = read_suite("natural")
    assert isinstance(suite, AnswerSet)
    assert len(suite.queries) >= 600
    for kinds, least in ((suite.forms, 150), (suite.edit_types, 40)):
        assert min(list(kinds).count(kind) for kind in set(kinds)) >= least
    assert len(set(suite.queries)) == len(suite.queries)
