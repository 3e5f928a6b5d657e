from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank._validation import NEAR_MISSES
from compositional_rerank.errors import CheckpointError, InputError
from compositional_rerank.scoring import Fusion
from compositional_rerank.scoring.policy import NearMisses, Policy

FUSION = Fusion(least_closeness=0.6, threshold=0.5, bonus=0.1, penalty=0.2)
RELEVANCE = st.floats(-0.875, 0.875, width=32)  # -1 is a blank passage, 1 the query itself
CHANCE = st.floats(0, 1, width=32)


@st.composite
def judged(draw: st.DrawFn) -> tuple[float, float, float]:
    """Relevance, answered and mismatch; the two chances are parts of 1."""
    answered = draw(CHANCE)
    return draw(RELEVANCE), answered, draw(CHANCE) * (1 - answered)


def scores(rows: list[tuple[float, float, float]], near_misses: NearMisses = "demote") -> list[float]:
    base, answered, mismatch = torch.tensor(rows, dtype=torch.float32).reshape(-1, 3).T
    found: list[float] = FUSION.score(
        base, answered, mismatch, mismatch >= FUSION.threshold, near_misses
    ).tolist()
    return found


@given(st.lists(judged(), max_size=6), st.sampled_from(NEAR_MISSES))
def test_the_score_is_the_formula(rows: list[tuple[float, float, float]], near_misses: NearMisses) -> None:
    expected = []
    for relevance, answered, mismatch in rows:
        score = relevance + FUSION.bonus * answered
        if near_misses != "mark":
            score -= FUSION.penalty * mismatch
        if near_misses in ("demote", "drop") and mismatch >= FUSION.threshold:
            score -= FUSION.fall
        expected.append(score)
    assert scores(rows, near_misses) == pytest.approx(expected, abs=1e-5)


@given(judged(), judged())
def test_a_near_miss_falls_behind_everything_that_is_none(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    (_, _, mismatch), (_, _, more) = one, other
    if torch.tensor(mismatch) < FUSION.threshold <= torch.tensor(more):
        first, last = scores([one, other])
        assert first > last


@given(CHANCE, st.floats(-1, 1), st.floats(0, 2))
def test_what_is_farther_away_is_less_likely_a_near_miss(
    by_text: float, closeness: float, farther: float
) -> None:
    found = FUSION.mismatch(by_text, closeness)
    assert found is not None
    assert 0 <= found <= by_text
    less = FUSION.mismatch(by_text, max(-1.0, closeness - farther))
    assert less is not None
    assert less <= found + 1e-12
    if closeness >= FUSION.least_closeness:
        assert found == by_text
    elif 1e-6 < by_text < 1 - 1e-6:
        odds = found / (1 - found) / (by_text / (1 - by_text))
        assert odds == pytest.approx(math.exp((closeness - FUSION.least_closeness) / 0.04), rel=1e-3)
    assert FUSION.mismatch(None, closeness) is None


@given(st.lists(judged(), min_size=1, max_size=6), st.sampled_from(NEAR_MISSES))
def test_the_surest_near_miss_of_a_list_lifts_its_answers(
    rows: list[tuple[float, float, float]], near_misses: NearMisses
) -> None:
    base, answered, mismatch = (list(column) for column in zip(*rows, strict=True))
    policy = Policy("relevance", near_misses)
    found, _ = FUSION.after(policy, torch.tensor(base, dtype=torch.float32), answered, mismatch)
    lift = max(mismatch)
    lifted = [(relevance, lift * answer, wrong) for relevance, answer, wrong in rows]
    assert found.tolist() == pytest.approx(scores(lifted, near_misses), abs=1e-5)
    alone = [FUSION.after(policy, torch.tensor([b]), [a], [m])[0].item() for b, a, m in rows]
    assert all(one >= other - 1e-5 for one, other in zip(found.tolist(), alone, strict=True))


def test_an_answer_lifts_and_a_little_mismatch_lowers() -> None:
    plain, answered, doubtful, near_miss = scores(
        [(0.5, 0.0, 0.0), (0.5, 1.0, 0.0), (0.5, 0.0, 0.49), (0.5, 0.0, 0.5)]
    )
    assert answered == pytest.approx(plain + FUSION.bonus)
    assert plain > doubtful > near_miss + 1.9


EIGHTHS = st.integers(-8000, 8000).map(lambda number: number / 8)
OWN = st.lists(st.tuples(EIGHTHS, RELEVANCE, CHANCE), max_size=6)


def kept(rows: list[tuple[float, float, float]], near_misses: NearMisses) -> list[float]:
    own = torch.tensor([row[0] for row in rows], dtype=torch.float64)
    relevance, mismatch = torch.tensor([row[1:] for row in rows], dtype=torch.float32).reshape(-1, 2).T
    found: list[float] = FUSION.keep(
        own, relevance, mismatch, mismatch >= FUSION.threshold, near_misses
    ).tolist()
    return found


@given(OWN, st.sampled_from(NEAR_MISSES))
def test_what_is_no_near_miss_keeps_its_own_score_to_the_last_bit(
    rows: list[tuple[float, float, float]], near_misses: NearMisses
) -> None:
    for (own, _, mismatch), score in zip(rows, kept(rows, near_misses), strict=True):
        if near_misses == "mark" or mismatch < FUSION.threshold:
            assert score == own
        else:
            assert score < own


@given(OWN, st.sampled_from(["demote", "drop"]))
def test_a_near_miss_falls_behind_all_own_scores_and_near_misses_keep_their_order(
    rows: list[tuple[float, float, float]], near_misses: NearMisses
) -> None:
    scored = list(zip(rows, kept(rows, near_misses), strict=True))
    missed = [(own, score) for (own, _, mismatch), score in scored if mismatch >= FUSION.threshold]
    others = [score for (_, _, mismatch), score in scored if mismatch < FUSION.threshold]
    assert all(score < other for _, score in missed for other in others)
    assert sorted(missed) == sorted(missed, key=lambda pair: pair[1])


def test_a_near_miss_falls_also_where_all_own_scores_are_one_huge_number() -> None:
    first, second = kept([(1e20, 0.5, 1.0), (1e20, 0.5, 0.0)], "demote")
    assert first < second


def test_a_penalty_is_as_much_of_the_own_scores_as_it_is_of_the_relevance() -> None:
    first, second = kept([(20.0, 0.75, 1.0), (18.0, 0.5, 0.0)], "penalise")
    assert (first, second) == (pytest.approx(20.0 - 2.0 * FUSION.penalty / 0.25), 18.0)


def test_a_threshold_of_the_callers_own() -> None:
    base = torch.tensor([0.5, 0.5, 0.5])
    for policy, flags in (
        (Policy(), [False, True, False]),
        (Policy(threshold=0.25), [True, True, False]),
        (Policy(threshold=1), [False, False, False]),
    ):
        assert FUSION.after(policy, base, [0.0] * 3, [0.25, 0.5, None])[1].tolist() == flags


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": "best"}, "order 'best' is unknown; choose one of: auto, retriever, mix, relevance"),
        ({"near_misses": None}, "near_misses None is unknown; choose one of: penalise, demote, drop, mark"),
        ({"threshold": 1.5}, "threshold must be in .0, 1., got 1.5; pass 'shipped' for the model's own"),
        ({"threshold": True}, "threshold must be in .0, 1., got True"),
        ({"threshold": math.nan}, "threshold must be in .0, 1., got nan"),
        ({"threshold": "own"}, "threshold must be in .0, 1., got 'own'"),
        ({"denials": "maybe"}, "denials 'maybe' is unknown"),
        ({"max_verified": -1}, "max_verified must be at least 0"),
    ],
)
def test_a_policy_that_is_none_is_an_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Policy(**changes)


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
