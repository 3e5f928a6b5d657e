"""From what a retriever gave and the relevance to the order of passages before verdicts count."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE
from compositional_rerank.scoring.policy import Order

MIXED = 0.5  # share of the retriever's own order in a mixed one
_HUGE = 1e30  # no score is that large: libraries mark places without one so


def incoming(given: Sequence[float | None]) -> torch.Tensor:
    """A retriever's own order as numbers: its scores, or where they cannot be read so, one over the rank.

    Scores can be read where every passage has one, all are finite, and none is above that of the passage in
    front of it. Distances, which rise, and lists in another order than their scores' have ranks alone.

    Args:
        given: a score or None for each of ``n`` passages, in the order of the retriever, best first.

    Returns:
        float64 ``[n]``, never rising.

    Example:
        >>> incoming([9.0, 7.5]).tolist(), incoming([0.2, 0.3]).tolist()
        ([9.0, 7.5], [1.0, 0.5])
    """
    known = [score for score in given if score is not None and abs(score) < _HUGE]  # false for NaN, too
    if len(known) < len(given) or any(one < after for one, after in pairwise(known)):
        known = [1 / rank for rank in range(1, len(given) + 1)]
    return torch.tensor(known, dtype=torch.float64)


def base(order: Order, relevance: torch.Tensor, own: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """What sorts before verdicts count, on the scale of the relevance.

    Args:
        order: whose order it is.
        relevance: float32 ``[t]`` in [-1, 1], of ``t`` texts.
        own: float64 ``[n]`` of ``n`` passages, from `incoming`.
        places: int64 ``[n]``, which text a passage has; of passages with one text the best counts.

    Returns:
        float32 ``[t]`` in [-1, 1]. Texts without a word stay last, whatever their scores.
    """
    share = {"auto": MIXED, "mix": MIXED, "relevance": 0.0, "retriever": 1.0}[order]
    words = relevance > EMPTY_RELEVANCE
    best = torch.full(relevance.shape, -torch.inf, dtype=own.dtype).scatter_reduce_(0, places, own, "amax")
    if share == 0 or not words.any() or best.max() == best.min():
        return relevance
    return torch.where(words, relevance + share * (_onto(best, relevance[words]) - relevance), relevance)


def _onto(own: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """A retriever's scores on the scale of the relevance: from the least relevance to the highest."""
    low, high = own.min(), own.max()
    share = ((own - low) / (high - low)).to(relevance.dtype)
    return relevance.min() + share * (relevance.max() - relevance.min())
