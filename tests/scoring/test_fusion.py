from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring import Fusion

FUSION = Fusion(least_closeness=0.6, threshold=0.5, bonus=0.1, penalty=0.2)
RELEVANCE = st.floats(-0.875, 0.875, width=32)  # -1 is a blank passage, 1 the query itself
CHANCE = st.floats(0, 1, width=32)


@st.composite
def judged(draw: st.DrawFn) -> tuple[float, float, float]:
    """Relevance, answered and mismatch; the two chances are parts of 1."""
    answered = draw(CHANCE)
    return draw(RELEVANCE), answered, draw(CHANCE) * (1 - answered)


def scores(rows: list[tuple[float, float, float]]) -> list[float]:
    columns = torch.tensor(rows, dtype=torch.float32).reshape(-1, 3).T
    found: list[float] = FUSION.score(*columns).tolist()
    return found


@given(st.lists(judged(), max_size=6))
def test_the_score_is_the_formula(rows: list[tuple[float, float, float]]) -> None:
    expected = []
    for relevance, answered, mismatch in rows:
        score = relevance + FUSION.bonus * answered - FUSION.penalty * mismatch
        expected.append(score - FUSION.fall if torch.tensor(mismatch) >= FUSION.threshold else score)
    assert scores(rows) == pytest.approx(expected, abs=1e-5)


@given(judged(), judged())
def test_a_near_miss_falls_behind_everything_that_is_none(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    (_, _, mismatch), (_, _, more) = one, other
    if torch.tensor(mismatch) < FUSION.threshold <= torch.tensor(more):
        first, last = scores([one, other])
        assert first > last


def test_an_answer_lifts_and_a_little_mismatch_lowers() -> None:
    plain, answered, doubtful, near_miss = scores(
        [(0.5, 0.0, 0.0), (0.5, 1.0, 0.0), (0.5, 0.0, 0.49), (0.5, 0.0, 0.5)]
    )
    assert answered == pytest.approx(plain + FUSION.bonus)
    assert plain > doubtful > near_miss + 1.9


def test_no_passages() -> None:
    assert scores([]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"least_closeness": 1.5},
        {"least_closeness": math.nan},
        {"bonus": -0.1},
        {"bonus": 1.1},
        {"penalty": -0.1},
        {"penalty": math.inf},
        {"threshold": 1.1},
    ],
)
def test_values_out_of_range_are_an_error(changes: dict[str, float]) -> None:
    values = {"least_closeness": 0.6, "threshold": 0.5, "bonus": 0.1, "penalty": 0.2, **changes}
    with pytest.raises(CheckpointError, match="fusion wants"):
        Fusion(**values)
