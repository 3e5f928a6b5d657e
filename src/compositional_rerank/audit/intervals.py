"""95 % bootstrap intervals of the audit's measures.

Rows of one query are not independent: where a set has queries, they are resampled, each with all its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.metrics import Floats

RESAMPLES = 1000
_BATCH_CELLS = 2_000_000  # resamples x items held at once, about 16 MB per array


def mean_interval(
    values: Floats, seed: int, owners: NDArray[np.int64] | None = None, resamples: int = RESAMPLES
) -> list[float] | None:
    """Percentile interval of a mean over rows.

    Args:
        values: one finite value for each row, [n].
        seed: seed of the resampling, at least 0.
        owners: which query each row belongs to, [n]; None where each row is a query, pair or triple of its
            own.
        resamples: number of resamples, at least 1.

    Returns:
        [low, high], within the range of `values`, or None where `values` is empty. Both ends are the mean
        where there is but one query.

    Example:
        >>> mean_interval(np.array([0.0, 0.0, 1.0, 1.0]), seed=0, owners=np.array([3, 3, 5, 5]))
        [0.0, 1.0]
    """
    from scipy.stats import bootstrap

    if not len(values):
        return None
    _, places = np.unique(np.arange(len(values)) if owners is None else owners, return_inverse=True)
    sums, counts = np.bincount(places, values), np.bincount(places)
    if len(sums) == 1 or np.ptp(values) == 0:
        return [float(values.mean())] * 2
    interval = bootstrap(
        (sums, counts),
        _ratio,
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=resamples,
        batch=max(1, _BATCH_CELLS // len(sums)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [float(interval.low), float(interval.high)]


def ranking_intervals(
    same: NDArray[np.int64], scores: Floats, seed: int, resamples: int = RESAMPLES
) -> dict[str, list[float]]:
    """Percentile intervals of ROC AUC and average precision, paraphrases and near-misses resampled apart.

    The scores are sorted once; a resample is a count for each pair, so that both measures of all resamples
    are a few cumulative sums.

    Args:
        same: labels 0 or 1, both present, [n].
        scores: scores, higher for the label 1, [n].
        seed: seed of the resampling.
        resamples: number of resamples.

    Returns:
        {"auc": [low, high], "ap": [low, high]}
    """
    batches = _weights(np.arange(len(same)), same, seed, resamples)
    found = [np.stack(weighted_auc_ap(same, scores, weights)) for weights in batches]
    low, high = np.percentile(np.concatenate(found, axis=1), [2.5, 97.5], axis=1)
    return {name: [float(low[i]), float(high[i])] for i, name in enumerate(("auc", "ap"))}


def rejection_interval(
    same: NDArray[np.int64],
    scores: Floats,
    loss: float,
    seed: int,
    owners: NDArray[np.int64] | None = None,
    resamples: int = RESAMPLES,
) -> list[float]:
    """Percentile interval of `rejection_at_loss`, whose cut is found anew in each resample.

    A resample that drew no paraphrase or no near-miss has no such measure, and does not count.

    Args:
        same: labels 0 or 1, both present, [n].
        scores: scores, higher for the label 1, [n]; NaN where a row cannot be judged, which no cut rejects.
        loss: share of paraphrases that may fall below the cut, in [0, 1].
        seed: seed of the resampling, at least 0.
        owners: which query each row belongs to, [n]; None where rows have no query, and paraphrases and
            near-misses are resampled apart.
        resamples: number of resamples, at least 1.

    Returns:
        [low, high], in [0, 1].
    """
    if owners is None:
        batches = _weights(np.arange(len(same)), same, seed, resamples)
    else:
        batches = _weights(owners, np.zeros_like(same), seed, resamples)
    found = np.concatenate([weighted_rejection(same, scores, loss, weights) for weights in batches])
    low, high = np.percentile(found[~np.isnan(found)], [2.5, 97.5])
    return [float(low), float(high)]


def weighted_auc_ap(same: NDArray[np.int64], scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """ROC AUC and average precision under many weightings of the same pairs.

    Args:
        same: labels 0 or 1, [n].
        scores: scores, higher for the label 1, [n].
        weights: weight of each pair in each weighting, [b, n]; each label has some weight in each row.

    Returns:
        AUC [b] and average precision [b]; equal to scikit-learn's with `sample_weight`.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # last pair of each tied group
    positive = np.cumsum(weights[:, order] * (same[order] == 1), axis=1)[:, ends]
    negative = np.cumsum(weights[:, order] * (same[order] == 0), axis=1)[:, ends]
    rise = np.diff(positive, axis=1, prepend=0.0)
    run = np.diff(negative, axis=1, prepend=0.0)
    area = (run * (positive - rise / 2)).sum(axis=1) / (positive[:, -1] * negative[:, -1])
    taken = positive + negative
    precision = np.divide(positive, taken, out=np.zeros_like(taken), where=taken > 0)
    return area, (rise * precision).sum(axis=1) / positive[:, -1]


def weighted_rejection(same: NDArray[np.int64], scores: Floats, loss: float, weights: Floats) -> Floats:
    """`rejection_at_loss` under many weightings of the same rows.

    Args:
        same: labels 0 or 1, both present, [n].
        scores: scores, higher for the label 1, [n]; NaN where a row cannot be judged, which no cut rejects.
        loss: share of paraphrases that may fall below the cut, in [0, 1].
        weights: how often each row counts in each weighting, whole numbers of at least 0, [b, n].

    Returns:
        Shares in [0, 1], [b]; NaN where a label has no weight.
    """
    right, wrong = np.flatnonzero(same == 1), np.flatnonzero(same == 0)
    scores = np.where(np.isnan(scores), np.inf, scores)
    right = right[np.argsort(scores[right], kind="stable")]
    wrong = wrong[np.argsort(scores[wrong], kind="stable")]
    counted, total = np.cumsum(weights[:, right], axis=1), weights[:, wrong].sum(axis=1)
    lost = np.minimum(np.floor(loss * counted[:, -1]), counted[:, -1] - 1)
    cut = (counted <= lost[:, None]).sum(axis=1)  # the first paraphrase that may not be lost
    below = np.searchsorted(scores[wrong], scores[right], side="left")[cut]
    rejected = np.cumsum(np.pad(weights[:, wrong], ((0, 0), (1, 0))), axis=1)[np.arange(len(weights)), below]
    defined = (counted[:, -1] > 0) & (total > 0)
    shares: Floats = np.divide(rejected, total, out=np.full(len(weights), np.nan), where=defined)
    return shares


def _weights(
    owners: NDArray[np.int64], strata: NDArray[np.int64], seed: int, resamples: int
) -> Iterator[Floats]:
    """How often each row counts in each resample, a batch of resamples at a time, [b, n].

    In each stratum as many owners are drawn with replacement as it has, each with all its rows.
    """
    rng = np.random.default_rng(seed)
    step = max(1, _BATCH_CELLS // len(owners))
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for start in range(0, resamples, step):
        weights = np.zeros((min(step, resamples - start), len(owners)))
        for rows in members:
            distinct, places = np.unique(owners[rows], return_inverse=True)
            share = np.full(len(distinct), 1.0 / len(distinct))
            weights[:, rows] = rng.multinomial(len(distinct), share, size=len(weights))[:, places]
        yield weights


def _ratio(sums: Floats, counts: Floats, axis: int) -> Floats:
    ratio: Floats = sums.sum(axis=axis) / counts.sum(axis=axis)
    return ratio
