"""The audit's measures over plain arrays: retrieval, near-misses, calibration, intervals, significance.

Plain measures come from `ir_measures` (pytrec_eval), scikit-learn and scipy. What no library offers in the
form the audit needs (SugarCrepe++'s and NevIR's accuracies, rejection at a fixed loss of paraphrases, order
within a query) is a few lines here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compositional_rerank.errors import MissingDependencyError

Floats = NDArray[np.float64]

RETRIEVAL_MEASURES = ("ndcg@10", "mrr@10", "recall@100")


def check_measures() -> None:
    """Say before any work that the library is missing.

    Raises:
        MissingDependencyError: `ir_measures` is not installed.
    """
    if find_spec("ir_measures") is None or find_spec("pytrec_eval") is None:
        raise MissingDependencyError(
            "the audit of collections needs ir_measures: pip install 'compositional-rerank[audit]'"
        )


def ranking_measures(
    qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, Floats]:
    """nDCG@10, MRR@10 and recall@100 of every judged query.

    The order given is the order judged: scores are written from ranks, so that no library rule for ties can
    change it. nDCG uses linear gains, as BEIR and MTEB do.

    Args:
        qrels: query id -> document id -> grade; documents without a grade count as not relevant.
        rankings: query id -> document ids, best first. A query without a ranking scores 0.

    Returns:
        Measure name -> values in [0, 1], one for each query of `qrels`, in its order.

    Raises:
        MissingDependencyError: `ir_measures` is not installed.

    Example:
        >>> measures = ranking_measures({"q": {"a": 1, "b": 0}}, {"q": ["b", "a"]})
        >>> measures["mrr@10"].tolist(), measures["recall@100"].tolist()
        ([0.5], [1.0])
    """
    check_measures()
    import ir_measures

    measures = {
        ir_measures.nDCG @ 10: "ndcg@10",
        ir_measures.RR @ 10: "mrr@10",
        ir_measures.R @ 100: "recall@100",
    }
    place = {query: i for i, query in enumerate(qrels)}
    values = {name: np.zeros(len(place)) for name in measures.values()}
    run = {
        query: {document: float(len(ranking) - rank) for rank, document in enumerate(ranking)}
        for query, ranking in rankings.items()
        if query in place and ranking
    }
    if run:
        plain = {query: dict(judged) for query, judged in qrels.items()}
        for metric in ir_measures.iter_calc(list(measures), plain, run):
            values[measures[metric.measure]][place[metric.query_id]] = metric.value
    return values


def auc(same: ArrayLike, scores: ArrayLike) -> float | None:
    """ROC AUC of `scores` for telling the label 1 from 0; None where a label is absent.

    Example:
        >>> auc([1, 1, 0], [0.9, 0.4, 0.5])
        0.5
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(same, scores)) if _both(same) else None


def average_precision(same: ArrayLike, scores: ArrayLike) -> float | None:
    """Average precision of `scores` for the label 1; None where a label is absent."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(same, scores)) if _both(same) else None


def triple_accuracy(positive: Floats, negative: Floats, between: Floats) -> Floats:
    """SugarCrepe++'s count: the paraphrase beats the near-miss seen from both texts. Ties lose.

    Args:
        positive: sim(anchor, positive), [n].
        negative: sim(anchor, negative), [n].
        between: sim(positive, negative), [n].

    Returns:
        1.0 where sim(a, p) > sim(a, n) and sim(a, p) > sim(p, n), else 0.0, [n].

    Example:
        >>> triple_accuracy(np.array([0.9, 0.9]), np.array([0.8, 0.8]), np.array([0.7, 0.9])).tolist()
        [1.0, 0.0]
    """
    return ((positive > negative) & (positive > between)).astype(np.float64)


def paired_accuracy(scores: Floats) -> Floats:
    """NevIR's count: both queries of a contrast rank their own document first. Ties lose.

    Args:
        scores: sim(query, document), [n, 2, 2].

    Returns:
        1.0 where `scores[i, 0, 0] > scores[i, 0, 1]` and `scores[i, 1, 1] > scores[i, 1, 0]`, else 0.0, [n].
    """
    first = scores[:, 0, 0] > scores[:, 0, 1]
    second = scores[:, 1, 1] > scores[:, 1, 0]
    return (first & second).astype(np.float64)


def shares_above(
    owners: NDArray[np.int64], above: NDArray[np.bool_], below: NDArray[np.bool_], scores: Floats
) -> Floats:
    """For every owner with both, the share of its pairs of an upper and a lower row that are in order.

    Args:
        owners: which query each row belongs to, [n].
        above: rows that should score higher, [n].
        below: rows that should score lower than those of the same owner, [n]; no row is in both.
        scores: scores, [n]. A tie is not in order, and neither is a pair with a NaN.

    Returns:
        Shares in [0, 1], by the owners' first rows; empty where no owner has both.

    Example:
        >>> rows = np.array([True, False, False])
        >>> shares_above(np.array([7, 7, 7]), rows, ~rows, np.array([0.5, 0.1, 0.9])).tolist()
        [0.5]
    """
    rows: dict[int, list[int]] = {}
    for row, owner in enumerate(owners.tolist()):
        rows.setdefault(owner, []).append(row)
    found = []
    for mine in rows.values():
        upper, lower = (scores[mine][side[mine]] for side in (above, below))
        if len(upper) and len(lower):
            found.append(float((upper[:, None] > lower[None, :]).mean()))
    return np.array(found)


def rejection_at_loss(paraphrases: Floats, near_misses: Floats, loss: float = 0.05) -> float | None:
    """Share of near-misses scored below the cut that loses a given share of true paraphrases.

    Compares systems without a threshold of their own on equal terms.

    Args:
        paraphrases: scores of true paraphrases, [p]; NaN where one cannot be judged, which no cut rejects.
        near_misses: scores of near-misses, [m], likewise.
        loss: share of paraphrases that may fall below the cut.

    Returns:
        Share of `near_misses` strictly below the cut; None where either array is empty.

    Example:
        >>> rejection_at_loss(np.array([0.8, 0.9]), np.array([0.7, 0.85]), loss=0.0)
        0.5
    """
    if not len(paraphrases) or not len(near_misses):
        return None
    ordered = np.sort(np.nan_to_num(paraphrases, nan=np.inf))
    cut = ordered[min(int(np.floor(loss * len(ordered))), len(ordered) - 1)]
    return float((near_misses < cut).mean())


def expected_calibration_error(mismatch: Floats, is_mismatch: ArrayLike, bins: int = 15) -> float | None:
    """Expected calibration error over bins of equal width.

    Args:
        mismatch: predicted probabilities of a mismatch, [n], in [0, 1]; a NaN, where a pair cannot be judged,
            is left out.
        is_mismatch: 1 where the pair is a near-miss, else 0, [n].
        bins: number of bins.

    Returns:
        Mean over bins, weighted by size, of |mean prediction - share of near-misses|; None where nothing is
        judged.

    Example:
        >>> expected_calibration_error(np.array([0.9, 0.1]), [1, 0])
        0.1
    """
    judged = ~np.isnan(mismatch)
    if not judged.any():
        return None
    mismatch, truth = mismatch[judged], np.asarray(is_mismatch, dtype=np.float64)[judged]
    which = np.minimum((mismatch * bins).astype(int), bins - 1)
    size = np.bincount(which, minlength=bins)
    gap = np.abs(np.bincount(which, mismatch, bins) - np.bincount(which, truth, bins))[size > 0]
    return round(float(gap.sum() / len(mismatch)), 12)


def p_value(baseline: Floats, other: Floats, seed: int, resamples: int = 9999) -> float:
    """Paired randomisation test: how often a difference of means this large arises by chance (two-sided).

    Args:
        baseline: one value for each query, [n].
        other: the other system's values for the same queries, [n].
        seed: seed of the resampling.
        resamples: random sign assignments; all of them are tried where there are fewer.

    Returns:
        The p-value, in (0, 1]; 1.0 for a single query, which no assignment can tell apart.
    """
    from scipy.stats import permutation_test

    difference = np.asarray(other, dtype=np.float64) - baseline
    if len(difference) < 2 or not difference.any():
        return 1.0
    result = permutation_test(
        (difference,),
        lambda values, axis: np.mean(values, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=1000,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _both(same: ArrayLike) -> bool:
    return len(np.unique(np.asarray(same))) == 2
