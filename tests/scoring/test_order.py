from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from compositional_rerank._validation import ORDERS
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE
from compositional_rerank.scoring.order import SHARE, SHARE_OF_PLACES, Incoming, base, incoming
from compositional_rerank.scoring.policy import Order

EIGHTHS = st.integers(-800, 800).map(lambda number: number / 8)
FALLING = st.lists(EIGHTHS, min_size=1, max_size=12).map(lambda own: sorted(own, reverse=True))
RELEVANCE = st.integers(-96, 96).map(lambda number: number / 128)
MIXING: tuple[Order, ...] = ("auto", "mix")


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Own scores that fall along the list, and relevance."""
    own = draw(FALLING)
    return own, draw(st.lists(RELEVANCE, min_size=len(own), max_size=len(own)))


def ordered(order: Order, relevance: list[float], own: list[float], scored: bool = True) -> list[float]:
    found: list[float] = base(
        order,
        torch.tensor(relevance, dtype=torch.float32),
        Incoming(torch.tensor(own, dtype=torch.float64), scored),
        torch.arange(len(own)),
    ).tolist()
    return found


def places_of(count: int) -> list[float]:
    return [1 / math.log2(1 + rank) for rank in range(1, count + 1)]


@given(FALLING)
def test_scores_that_fall_along_the_list_stay_as_they_are(own: list[float]) -> None:
    found = incoming(own)
    assert (found.values.tolist(), found.scored) == (own, True)


@given(FALLING, st.sampled_from([None, math.nan, math.inf, -math.inf, -3.4e38]), st.data())
def test_where_one_score_cannot_be_read_places_count(
    own: list[float], odd: float | None, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(own)))
    found = incoming([*own[:place], odd, *own[place:]])
    assert (found.values.tolist(), found.scored) == (places_of(len(own) + 1), False)


@pytest.mark.parametrize("distances", [[0.1, 0.2, 0.9], [3.0, 1.0, 2.0], [None, None, None]])
def test_scores_that_rise_say_nothing_but_the_place(distances: list[float | None]) -> None:
    assert incoming(distances).values.tolist() == places_of(3)


def test_no_passages() -> None:
    assert incoming([]).values.tolist() == []


@given(lists())
def test_each_side_can_have_the_order_alone(both: tuple[list[float], list[float]]) -> None:
    own, relevance = both
    assert ordered("relevance", relevance, own) == relevance
    kept = ordered("retriever", relevance, own)
    if own[0] > own[-1] and max(relevance) > min(relevance):
        assert kept == sorted(kept, reverse=True)
        assert kept[0] == pytest.approx(max(relevance), abs=1e-6)
        assert kept[-1] == pytest.approx(min(relevance), abs=1e-6)


@given(lists(), st.sampled_from(ORDERS))
def test_it_stays_on_the_scale_of_the_relevance(both: tuple[list[float], list[float]], order: Order) -> None:
    own, relevance = both
    for value in ordered(order, relevance, own):
        assert min(relevance) - 1e-6 <= value <= max(relevance) + 1e-6


@given(lists(), st.sampled_from(MIXING))
def test_what_is_better_on_both_sides_stays_in_front(
    both: tuple[list[float], list[float]], order: Order
) -> None:
    own, relevance = both
    found = ordered(order, relevance, own)
    for one in range(len(own)):
        for other in range(len(own)):
            if own[one] >= own[other] and relevance[one] >= relevance[other]:
                assert found[one] >= found[other] - 1e-6


@given(lists(), st.sampled_from(MIXING), st.sampled_from([0.25, 2.0, 1024.0]), EIGHTHS)
def test_the_unit_and_the_zero_of_own_scores_do_not_count(
    both: tuple[list[float], list[float]], order: Order, unit: float, zero: float
) -> None:
    own, relevance = both
    moved = [unit * value + zero for value in own]
    assert ordered(order, relevance, moved) == pytest.approx(ordered(order, relevance, own), abs=1e-5)


@pytest.mark.parametrize("order", MIXING)
@pytest.mark.parametrize("scored", [True, False])
def test_two_candidates_are_no_tie(order: Order, scored: bool) -> None:
    """Two candidates in the opposite order of their relevance."""
    first, second = ordered(order, [0.25, 0.5], [1.0, 0.5], scored)
    assert first < second


@given(lists(), st.booleans())
def test_a_mixture_is_the_weighted_mean(both: tuple[list[float], list[float]], scored: bool) -> None:
    own, relevance = both
    share = SHARE if scored else SHARE_OF_PLACES
    low, high = min(relevance), max(relevance)
    span = own[0] - own[-1]
    expected = [
        (1 - share) * value + share * (low + (score - own[-1]) / span * (high - low)) if span else value
        for score, value in zip(own, relevance, strict=True)
    ]
    assert ordered("mix", relevance, own, scored) == pytest.approx(expected, abs=1e-5)
    if scored:
        assert ordered("auto", relevance, own) == ordered("mix", relevance, own)


@given(st.permutations(range(20)), st.integers(0, 20))
def test_a_list_without_scores_in_no_order_has_the_order_of_relevance(order: list[int], kept: int) -> None:
    """Against scipy's rank correlation; the first few of a sorted list are kept, so that both cases come."""
    relevance = [place / 32 for place in [*range(20, 20 - kept, -1), *(p for p in order if p <= 20 - kept)]]
    own = places_of(len(relevance))
    found = ordered("auto", relevance, own, scored=False)
    if spearmanr(own, relevance).statistic * math.sqrt(len(own) - 1) < 1.99:
        assert found == relevance
    elif spearmanr(own, relevance).statistic * math.sqrt(len(own) - 1) > 2.01:
        assert found == ordered("mix", relevance, own, scored=False) != relevance


@pytest.mark.parametrize("order", ORDERS)
def test_equal_own_scores_say_nothing(order: Order) -> None:
    assert ordered(order, [0.25, 0.5], [7.0, 7.0]) == [0.25, 0.5]


@pytest.mark.parametrize("order", MIXING)
def test_a_text_without_a_word_stays_last_and_takes_no_part(order: Order) -> None:
    blank, *others = ordered(order, [EMPTY_RELEVANCE, 0.5, 0.25, 0.375], [9.0, 8.0, 7.0, 6.0])
    assert blank == EMPTY_RELEVANCE
    assert min(others) >= 0.25 - 1e-6


def test_of_equal_texts_the_best_place_counts() -> None:
    relevance, places = torch.tensor([0.5, 0.25, 0.375]), torch.tensor([0, 1, 2, 1, 0])
    found = base("mix", relevance, incoming([9.0, 8.0, 6.0, 5.0, 1.0]), places).tolist()
    assert found == ordered("mix", relevance.tolist(), [9.0, 8.0, 6.0])
    twins = base("mix", relevance[:1], incoming([9.0, 8.0]), torch.tensor([0, 0]))
    assert twins.tolist() == [0.5]
