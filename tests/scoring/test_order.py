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
COSINES = st.lists(st.integers(-64, 64).map(lambda number: number / 64), min_size=1, max_size=12)
ALIKE = COSINES.map(lambda own: [max(0.125, *own), *sorted(own, reverse=True)[1:]])
RELEVANCE = st.integers(-96, 96).map(lambda number: number / 128)
MIXING: tuple[Order, ...] = ("auto", "mix")


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Own scores that fall along the list, of any scale or alike, and relevance."""
    own = draw(FALLING | ALIKE)
    return own, draw(st.lists(RELEVANCE, min_size=len(own), max_size=len(own)))


def ordered(order: Order, relevance: list[float], own: list[float], scored: bool = True) -> list[float]:
    found: list[float] = base(
        order,
        torch.tensor(relevance, dtype=torch.float32),
        Incoming(torch.tensor(own, dtype=torch.float64), scored),
        torch.arange(len(own)),
    ).tolist()
    return found


def worth(own: list[float]) -> list[float]:
    """What places are worth; of equal scores each has the best place."""
    return [1 / math.log2(2 + own.index(score)) for score in own]


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
    assert (found.values.tolist(), found.scored) == (pytest.approx(places_of(len(own) + 1)), False)


@pytest.mark.parametrize("distances", [[0.1, 0.2, 0.9], [3.0, 1.0, 2.0], [None, None, None]])
def test_scores_that_rise_say_nothing_but_the_place(distances: list[float | None]) -> None:
    assert incoming(distances).values.tolist() == pytest.approx(places_of(3))


def test_no_passages() -> None:
    assert incoming([]).values.tolist() == []


@given(lists())
def test_each_side_can_have_the_order_alone(both: tuple[list[float], list[float]]) -> None:
    own, relevance = both
    assert ordered("relevance", relevance, own) == relevance
    kept = ordered("retriever", relevance, own)
    if own[0] > own[-1]:
        assert kept == sorted(kept, reverse=True)
        assert kept[0] == pytest.approx(max(relevance), abs=1e-6)


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


@given(lists(), st.sampled_from([128.0, 1024.0]), EIGHTHS)
def test_scores_of_another_scale_are_places(
    both: tuple[list[float], list[float]], unit: float, zero: float
) -> None:
    own, relevance = both
    moved = [unit * value + zero for value in own]
    if moved[0] > 1.5 and own[0] > own[-1]:
        assert ordered("mix", relevance, moved) == ordered("mix", relevance, worth(own), False)


def test_rank_fusions_are_of_another_scale() -> None:
    fused, relevance = [2 / 61, 1 / 62, 1 / 64], [0.25, 0.5, 0.375]
    assert ordered("auto", relevance, fused) == ordered("mix", relevance, places_of(3), scored=False)


def test_cosines_that_are_close_leave_the_relevance_its_say() -> None:
    first, second = ordered("auto", [0.25, 0.75], [0.81, 0.8])
    assert second - first == pytest.approx((1 - SHARE) * 0.5 - SHARE * 0.01)


@pytest.mark.parametrize("order", MIXING)
@pytest.mark.parametrize("scored", [True, False])
def test_two_candidates_are_no_tie(order: Order, scored: bool) -> None:
    """Two candidates in the opposite order of their relevance."""
    first, second = ordered(order, [0.25, 0.5], [1.0, 0.5], scored)
    assert first < second


@given(lists(), st.booleans())
def test_a_mixture_is_the_weighted_mean(both: tuple[list[float], list[float]], scored: bool) -> None:
    own, relevance = both
    alike = scored and 0.1 <= own[0] <= 1 and own[-1] >= -1
    values = own if alike else worth(own)
    share = SHARE if alike else SHARE_OF_PLACES
    high, span = max(relevance), values[0] - values[-1]
    unit = (high - min(relevance)) / span if span else 0.0
    unit = min(unit, 1.0) if alike else unit
    expected = [
        (1 - share) * value + share * (high - (values[0] - score) * unit)
        for score, value in zip(values, relevance, strict=True)
    ]
    silent = own[0] == own[-1]
    assert ordered("mix", relevance, own, scored) == pytest.approx(
        relevance if silent else expected, abs=1e-5
    )
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


def behind_own_cosines(own: list[float], cosines: list[float], order: Order = "auto") -> list[float]:
    relevance = torch.linspace(0.1, 0.8, len(own))
    given = Incoming(torch.tensor(own, dtype=torch.float64), True)
    found = base(order, relevance, given, torch.arange(len(own)), torch.tensor(cosines))
    return (found - relevance).tolist()


@given(st.lists(st.floats(0.1, 1.0), min_size=2, max_size=12, unique=True), st.sampled_from([1.0, 40.0]))
def test_the_encoders_own_cosines_count_once(cosines: list[float], scale: float) -> None:
    cosines = sorted(cosines, reverse=True)
    own = [scale * (1 + one) if scale > 1 else one for one in cosines]
    spread = cosines[0] - cosines[-1] > 0.05
    if scale == 1 or (len(own) >= 5 and spread):
        assert set(behind_own_cosines(own, cosines)) == {0.0}
    if spread:
        assert set(behind_own_cosines(own, cosines, "mix")) != {0.0}


def test_other_cosines_are_mixed() -> None:
    own = [0.9, 0.7, 0.6, 0.5, 0.4, 0.2]
    assert set(behind_own_cosines(own, [0.7, 0.9, 0.5, 0.6, 0.4, 0.3])) != {0.0}
    assert set(behind_own_cosines(own[:2], [0.8, 0.7])) != {0.0}
