"""From what a retriever gave and the relevance to the order of passages before verdicts count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE
from compositional_rerank.scoring.policy import Order

# The retriever's share in a mixture, by its scores and by its places alone; chosen by benchmarks/order.py.
SHARE, SHARE_OF_PLACES = 0.4, 0.3
_CHANCE = 2.0  # standard deviations of a rank correlation from which it is no chance
_HUGE = 1e30  # no score is that large: libraries mark places without one so


class Incoming(NamedTuple):
    """A retriever's own order as numbers: float64 ``[n]``, never rising; and whether they are its scores."""

    values: torch.Tensor
    scored: bool


def incoming(given: Sequence[float | None]) -> Incoming:
    """A retriever's scores, or where they cannot be read so, what its places are worth: 1 / log2(1 + rank).

    Scores can be read where every passage has one, all are finite, and none is above that of the passage in
    front of it. Distances, which rise, and lists in another order than their scores' have places alone.

    Args:
        given: a score or None for each of ``n`` passages, in the order of the retriever, best first.

    Example:
        >>> incoming([9.0, 7.5]).values.tolist(), incoming([0.2, 0.3, 0.5]).values.tolist()
        ([9.0, 7.5], [1.0, 0.6309297535714575, 0.5])
    """
    known = [score for score in given if score is not None and abs(score) < _HUGE]  # false for NaN, too
    scored = len(known) == len(given) and all(one >= after for one, after in pairwise(known))
    values = known if scored else [1 / math.log2(2 + place) for place in range(len(given))]
    return Incoming(torch.tensor(values, dtype=torch.float64), scored)


def base(order: Order, relevance: torch.Tensor, own: Incoming, places: torch.Tensor) -> torch.Tensor:
    """What sorts before verdicts count, on the scale of the relevance.

    The retriever's values are put on that scale: the best gets the highest relevance, the least the lowest.
    ``"mix"`` is a weighted mean of both. So is ``"auto"``, but where there are no scores and both orders
    agree no more than by chance: then the list may be in no order at all, and the relevance decides.

    Args:
        order: whose order it is.
        relevance: float32 ``[t]`` in [-1, 1], of ``t`` texts.
        own: of ``n`` passages.
        places: int64 ``[n]``, which text a passage has; of passages with one text the best counts.

    Returns:
        float32 ``[t]`` in [-1, 1]. Texts without a word stay last, whatever their scores.
    """
    words = relevance > EMPTY_RELEVANCE
    best = torch.full(relevance.shape, -torch.inf, dtype=torch.float64)
    best.scatter_reduce_(0, places, own.values, "amax")
    if order == "relevance" or not words.any() or best.max() == best.min():
        return relevance
    if order == "auto" and not own.scored and not _agree(best[words], relevance[words]):
        return relevance
    share = 1.0 if order == "retriever" else SHARE if own.scored else SHARE_OF_PLACES
    low, high = relevance[words].min(), relevance[words].max()
    lifted = low + ((best - best.min()) / (best.max() - best.min())).float() * (high - low)
    return torch.where(words, (1 - share) * relevance + share * lifted, relevance)


def _agree(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two orders of the same texts agree, by Spearman's rank correlation, more than by chance."""
    ranks = np.stack([_ranks(one.numpy()), _ranks(other.numpy())])
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1)
    return bool(ranks[0] @ ranks[1] * math.sqrt(len(one) - 1) > _CHANCE * lengths.prod())


def _ranks(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Ranks from the least on; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return ends[which]
