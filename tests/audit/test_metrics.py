"""Our figures are the libraries' figures, on random input with ties and missing judgements."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from compositional_rerank.audit import metrics
from compositional_rerank.audit.intervals import (
    mean_interval,
    ranking_intervals,
    rejection_interval,
    weighted_auc_ap,
    weighted_rejection,
)

CLOSE = 1e-9


def random_run(seed: int) -> tuple[dict[str, dict[str, int]], dict[str, list[str]]]:
    """Graded judgements and rankings; some queries lack a ranking or a relevant document."""
    rng = np.random.default_rng(seed)
    documents = [f"d{i}" for i in range(int(rng.integers(2, 160)))]
    qrels, rankings = {}, {}
    for q in range(int(rng.integers(1, 12))):
        judged = rng.choice(documents, size=int(rng.integers(1, len(documents))), replace=False)
        qrels[f"q{q}"] = {str(d): int(rng.integers(0, 4)) for d in judged}
        if rng.random() > 0.1:
            size = int(rng.integers(1, len(documents) + 1))
            rankings[f"q{q}"] = [str(d) for d in rng.permutation(documents)[:size]]
    return qrels, rankings


def by_hand(judged: dict[str, int], ranking: list[str]) -> tuple[float, float, float]:
    """nDCG@10, MRR@10 and recall@100 from their definitions."""
    gains = [max(judged.get(d, 0), 0) for d in ranking[:10]]
    ideal = sorted(judged.values(), reverse=True)[:10]
    best = sum(g / np.log2(i + 2) for i, g in enumerate(ideal))
    ndcg = sum(g / np.log2(i + 2) for i, g in enumerate(gains)) / best if best else 0.0
    mrr = next((1 / (i + 1) for i, g in enumerate(gains) if g > 0), 0.0)
    relevant = {d for d, grade in judged.items() if grade > 0}
    recall = len(relevant & set(ranking[:100])) / len(relevant) if relevant else 0.0
    return ndcg, mrr, recall


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_ranking_measures_follow_their_definitions(seed: int) -> None:
    qrels, rankings = random_run(seed)
    ours = metrics.ranking_measures(qrels, rankings)
    expected = np.array([by_hand(qrels[q], rankings.get(q, [])) for q in qrels])
    for column, name in enumerate(("ndcg@10", "mrr@10", "recall@100")):
        np.testing.assert_allclose(ours[name], expected[:, column], rtol=0, atol=CLOSE)


def test_ranking_measures_agree_with_ranx() -> None:
    ranx = pytest.importorskip("ranx")
    for seed in range(15):
        qrels, rankings = random_run(seed)
        qrels = {q: judged for q, judged in qrels.items() if q in rankings and any(judged.values())}
        if not qrels:
            continue
        run = {q: {d: float(-i) for i, d in enumerate(rankings[q])} for q in qrels}
        theirs = ranx.evaluate(
            ranx.Qrels(qrels),
            ranx.Run(run),
            ["ndcg@10", "mrr@10", "recall@100"],
            return_mean=False,
            make_comparable=True,
        )
        ours = metrics.ranking_measures(qrels, rankings)
        order = sorted(range(len(qrels)), key=lambda i: list(qrels)[i])
        for name, values in theirs.items():
            np.testing.assert_allclose(ours[name][order], values, rtol=0, atol=CLOSE)


def test_the_given_order_is_the_order_judged() -> None:
    """trec_eval would break ties by document id; no tie can arise, so that our order stands."""
    for ranking in (["a", "z"], ["z", "a"]):
        ours = metrics.ranking_measures({"q": {"z": 1}}, {"q": ranking})
        assert ours["mrr@10"][0] == 1 / (ranking.index("z") + 1)


@given(st.integers(0, 10**6), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_auc_and_ap_are_scikit_learns_with_ties(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 80))
    same = np.append(rng.integers(0, 2, n), [0, 1])
    scores = rng.integers(0, levels, n + 2) / levels
    weights = rng.integers(0, 3, (3, n + 2)).astype(float)
    weights[:, -2:] = 1
    area, precision = weighted_auc_ap(same, scores, weights)
    for row in range(3):
        assert area[row] == pytest.approx(roc_auc_score(same, scores, sample_weight=weights[row]), abs=CLOSE)
        assert precision[row] == pytest.approx(
            average_precision_score(same, scores, sample_weight=weights[row]), abs=CLOSE
        )
    assert metrics.auc(same, scores) == pytest.approx(roc_auc_score(same, scores), abs=CLOSE)
    assert metrics.average_precision(same, scores) == pytest.approx(
        average_precision_score(same, scores), abs=CLOSE
    )


def test_one_label_only_has_no_auc() -> None:
    assert metrics.auc([1, 1], [0.1, 0.2]) is None
    assert metrics.average_precision([0, 0], [0.1, 0.2]) is None


def test_ties_lose() -> None:
    one = np.array([0.5])
    assert metrics.triple_accuracy(one, one, np.array([0.1])) == 0
    assert metrics.triple_accuracy(one, np.array([0.1]), one) == 0
    assert metrics.paired_accuracy(np.array([[[0.5, 0.5], [0.1, 0.9]]])) == 0
    assert metrics.paired_accuracy(np.array([[[0.5, 0.4], [0.1, 0.9]]])) == 1


def test_rejection_at_loss_counts_strictly_below_the_cut() -> None:
    paraphrases = np.linspace(0, 1, 101)[1:]
    assert metrics.rejection_at_loss(paraphrases, np.array([0.05, 0.06, 0.059]), 0.05) == pytest.approx(2 / 3)
    assert metrics.rejection_at_loss(np.empty(0), paraphrases) is None
    assert metrics.rejection_at_loss(np.ones(4), np.ones(4)) == 0


NUMBERS = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.50001, 0.9, 1.0, float("nan")]), min_size=1, max_size=30)


@given(NUMBERS, NUMBERS, st.sampled_from([0.0, 0.05, 0.3]))
def test_what_cannot_be_judged_is_never_rejected(right: list[float], wrong: list[float], loss: float) -> None:
    """By mismatch: of all cuts that reject at most a share of the right ones, the one that rejects most."""
    cuts = [0.0, 0.2, 0.5, 0.50001, 0.9, 1.0, -np.inf]
    allowed = [cut for cut in cuts if sum(value > cut for value in right) <= loss * len(right)]
    expected = max(sum(value > cut for value in wrong) for cut in allowed) / len(wrong)
    assert metrics.rejection_at_loss(-np.array(right), -np.array(wrong), loss) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0, 1) | st.just(float("nan")), st.integers(0, 1)), max_size=40))
def test_calibration_is_that_of_judged_pairs(rows: list[tuple[float, int]]) -> None:
    judged = [(value, truth) for value, truth in rows if value == value]
    gap = 0.0
    for place in range(15):
        own = [row for row in judged if min(int(row[0] * 15), 14) == place]
        gap += abs(sum(value for value, _ in own) - sum(truth for _, truth in own))
    found = metrics.expected_calibration_error(
        np.array([value for value, _ in rows], dtype=np.float64), [truth for _, truth in rows]
    )
    assert found == (pytest.approx(gap / len(judged), abs=CLOSE) if judged else None)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ab-"), st.sampled_from([0.1, 0.5, np.nan]))))
def test_order_within_owners(rows: list[tuple[int, str, float]]) -> None:
    expected = []
    for owner in dict.fromkeys(owner for owner, _, _ in rows):
        pairs = [
            upper > lower
            for one, side, upper in rows
            for other, below, lower in rows
            if (one, side, other, below) == (owner, "a", owner, "b")
        ]
        if pairs:
            expected.append(sum(pairs) / len(pairs))
    owners, sides, scores = zip(*rows, strict=True) if rows else ((), (), ())
    upper, lower = (np.array([side == name for side in sides], dtype=bool) for name in "ab")
    found = metrics.shares_above(np.array(owners, dtype=np.int64), upper, lower, np.array(scores))
    assert found.tolist() == pytest.approx(expected)


def test_calibration_of_a_calibrated_and_of_a_wrong_model() -> None:
    rng = np.random.default_rng(0)
    mismatch = rng.random(200_000)
    truth = rng.random(200_000) < mismatch
    assert metrics.expected_calibration_error(mismatch, truth) == pytest.approx(0, abs=0.01)
    assert metrics.expected_calibration_error(np.array([1.0, 0.0]), [0, 1]) == 1
    assert metrics.expected_calibration_error(np.empty(0), []) is None


def test_the_randomisation_test_sees_a_difference_and_none() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(80)
    assert metrics.p_value(base, base, 0) == 1.0
    assert metrics.p_value(base, base + 0.1, 0) < 0.001
    assert metrics.p_value(np.zeros(3), np.ones(3), 0) == pytest.approx(0.25)  # 2 of 8 sign assignments


def test_intervals_hold_the_estimate_and_repeat_with_the_seed() -> None:
    rng = np.random.default_rng(2)
    values = rng.random(300)
    low, high = mean_interval(values, seed=5) or [0, 0]
    assert low < values.mean() < high
    assert mean_interval(values, seed=5) == [low, high]
    assert mean_interval(np.empty(0), seed=5) is None
    same = rng.integers(0, 2, 400)
    scores = rng.normal(size=400) + same
    found = ranking_intervals(same, scores, seed=5)
    assert found["auc"][0] < roc_auc_score(same, scores) < found["auc"][1]
    assert found["ap"][0] < average_precision_score(same, scores) < found["ap"][1]


@given(NUMBERS, NUMBERS, st.sampled_from([0.0, 0.05, 0.3, 1.0]), st.data())
def test_a_weighted_rejection_is_that_of_repeated_rows(
    right: list[float], wrong: list[float], loss: float, data: st.DataObject
) -> None:
    same = np.repeat([1, 0], [len(right), len(wrong)])
    scores = np.array(right + wrong)
    order = np.array(data.draw(st.permutations(range(len(same)))))
    same, scores = same[order], scores[order]
    row = st.lists(st.integers(0, 3), min_size=len(same), max_size=len(same))
    weights = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
    found = weighted_rejection(same, scores, loss, weights.astype(float))
    for times, one in zip(weights, found, strict=True):
        labels, values = np.repeat(same, times), np.repeat(scores, times)
        expected = metrics.rejection_at_loss(values[labels == 1], values[labels == 0], loss)
        assert one == pytest.approx(np.nan if expected is None else expected, abs=CLOSE, nan_ok=True)


Measure = Callable[[list[int]], float | None]  # of rows, drawn more than once maybe


def holds(interval: list[float], strata: list[list[list[int]]], measure: Measure) -> bool:
    """Whether an interval is that of the measure over all resamples there are, written out.

    Its ends were found from 1,000 of them, so that they may lie anywhere around 2.5 % and 97.5 %.

    Args:
        interval: [low, high].
        strata: owners of each stratum, and the rows of each owner.
        measure: the measure; None where it has no value.
    """
    draws = [list(product(owners, repeat=len(owners))) for owners in strata]
    resamples = [[row for part in drawn for owner in part for row in owner] for drawn in product(*draws)]
    values = [value for rows in resamples if (value := measure(rows)) is not None]
    for end, least, most in zip(interval, (0.003, 0.945), (0.055, 0.997), strict=True):
        low, high = np.quantile(values, least, method="lower"), np.quantile(values, most, method="higher")
        if not low - CLOSE <= end <= high + CLOSE:
            return False
    return True


OWNED = st.lists(  # query, label, score
    st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.9, float("nan")])),
    min_size=1,
    max_size=12,
)


@given(OWNED, st.sampled_from([0.05, 0.3]))
@settings(max_examples=60)
def test_intervals_are_those_of_all_resamples_of_queries(
    rows: list[tuple[int, int, float]], loss: float
) -> None:
    owners, same, scores = (np.array(column) for column in zip(*rows, strict=True))
    queries = [np.flatnonzero(owners == owner).tolist() for owner in set(owners.tolist())]
    hits = (scores > 0.3).astype(float)
    means = mean_interval(hits, 0, owners)
    assert means is not None
    assert holds(means, [queries], lambda drawn: float(hits[drawn].mean()))

    def rejected(drawn: list[int]) -> float | None:
        labels, values = same[drawn], scores[drawn]
        return metrics.rejection_at_loss(values[labels == 1], values[labels == 0], loss)

    if len(set(same.tolist())) == 2:
        assert holds(rejection_interval(same, scores, loss, 0, owners), [queries], rejected)
        apart = [[[row] for row in np.flatnonzero(same == label)[:3].tolist()] for label in (0, 1)]
        few = sorted(row for part in apart for (row,) in part)
        assert holds(rejection_interval(same[few], scores[few], loss, 0), apart, rejected)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(2, 4))
def test_passages_that_go_together_add_no_certainty(values: list[float], times: int) -> None:
    owners = np.repeat(np.arange(len(values)), times)
    found = mean_interval(np.repeat(values, times), 0, owners)
    assert found == pytest.approx(mean_interval(np.array(values), 0))
