"""95 % bootstrap intervals of the audit's measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.metrics import Floats

RESAMPLES = 1000
_BATCH_CELLS = 2_000_000  # resamples x items held at once, about 16 MB per array


def mean_interval(values: Floats, seed: int, resamples: int = RESAMPLES) -> list[float] | None:
    """Percentile interval of a mean.

    Args:
        values: one value for each query, pair or triple, [n].
        seed: seed of the resampling.
        resamples: number of resamples.

    Returns:
        [low, high], or None where `values` is empty.

    Example:
        >>> mean_interval(np.array([1.0, 1.0, 1.0]), seed=0)
        [1.0, 1.0]
    """
    from scipy.stats import bootstrap

    if not len(values):
        return None
    if len(values) == 1 or np.ptp(values) == 0:
        return [float(values[0])] * 2
    interval = bootstrap(
        (values,),
        np.mean,
        vectorized=True,
        method="percentile",
        n_resamples=resamples,
        batch=max(1, _BATCH_CELLS // len(values)),
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
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    step = max(1, _BATCH_CELLS // len(scores))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        weights = np.zeros((size, len(scores)))
        for label in (0, 1):
            members = np.flatnonzero(same == label)
            share = np.full(len(members), 1.0 / len(members))
            weights[:, members] = rng.multinomial(len(members), share, size=size)
        found.append(np.stack(weighted_auc_ap(same, scores, weights)))
    low, high = np.percentile(np.concatenate(found, axis=1), [2.5, 97.5], axis=1)
    return {name: [float(low[i]), float(high[i])] for i, name in enumerate(("auc", "ap"))}


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
