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
SHARE, SHARE_OF_PLACES = 0.45, 0.3
_MOST, _LEAST = (
    1.001,
    0.1,
)  # between them lies the best cosine or probability of a list; of a rank fusion below
_CHANCE = 2.0  # standard deviations of a rank correlation from which it is no chance
_ROUNDED = 0.01  # what a store's rounding may change in a cosine; a tenth of it in a correlation
_FEW = 5  # scores below which a correlation says nothing
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
        >>> incoming([9.0, 7.5]).values, incoming([0.2, 0.3, 0.5]).values
        (tensor([9.0000, 7.5000], dtype=torch.float64), tensor([1.0000, 0.6309, 0.5000], dtype=torch.float64))
    """
    known = [score for score in given if score is not None and abs(score) < _HUGE]  # false for NaN, too
    scored = len(known) == len(given) and all(one >= after for one, after in pairwise(known))
    if not scored:
        return Incoming(_worth(torch.arange(len(given), 0, -1)), scored)
    return Incoming(torch.tensor(known, dtype=torch.float64), scored)


def base(
    order: Order,
    relevance: torch.Tensor,
    own: Incoming,
    places: torch.Tensor,
    cosines: torch.Tensor | None = None,
) -> torch.Tensor:
    """What sorts before verdicts count, on the scale of the relevance.

    ``"mix"`` is a weighted mean of the relevance and the retriever's values, moved to where the best is the
    highest relevance. Scores that lie in [-1, 1], as cosines and probabilities do, stay as far apart as they
    are, unless their list would reach below the least relevance. Those of other scales (BM25, logits, rank
    fusions) say no more than places do, and places reach from the highest relevance to the least.

    So is ``"auto"``, with two exceptions, in which the relevance decides. Where there are no scores and both
    orders agree no more than by chance, the list may be in no order at all. And where the scores are the
    cosines of the encoder itself, they are a part of the relevance already.

    Args:
        order: whose order it is.
        relevance: float32 ``[t]`` in [-1, 1], of ``t`` texts.
        own: of ``n`` passages.
        places: int64 ``[n]``, which text a passage has; of passages with one text the best counts.
        cosines: float32 ``[t]``, of the encoder's own vectors, if they are a part of the relevance.

    Returns:
        float32 ``[t]`` in [-1, 1]. Texts without a word stay last, whatever their scores.
    """
    words = relevance > EMPTY_RELEVANCE
    if order == "relevance" or not words.any() or own.values.max() == own.values.min():
        return relevance
    alike = own.scored and bool(own.values.max() >= _LEAST and own.values.abs().max() <= _MOST)
    values = own.values if alike else _worth(own.values)
    best = torch.full(relevance.shape, -torch.inf, dtype=torch.float64)
    best.scatter_reduce_(0, places, values, "amax")
    span = float(best.max() - best.min())
    if span == 0:
        return relevance
    if order == "auto" and not own.scored and not _agree(best[words], relevance[words]):
        return relevance
    if order == "auto" and own.scored and cosines is not None and _same(own.values, cosines[places].double()):
        return relevance
    share = 1.0 if order == "retriever" else SHARE if alike else SHARE_OF_PLACES
    high = float(relevance[words].max())
    unit = (high - float(relevance[words].min())) / span
    lifted = high - (best.max() - best) * (min(unit, 1.0) if alike else unit)
    return torch.where(words, (1 - share) * relevance + share * lifted.float(), relevance)


def _worth(values: torch.Tensor) -> torch.Tensor:
    """What the places of values that never rise are worth, as in nDCG; of equal ones each has the best."""
    places = torch.searchsorted(-values, -values)
    return 1 / torch.log2(2 + places.double())


def _same(values: torch.Tensor, cosines: torch.Tensor) -> bool:
    """Whether a retriever's scores are these cosines, as they are or on another scale."""
    if len(values) < _FEW:
        return bool((values - cosines).abs().max() < _ROUNDED)
    return bool(torch.corrcoef(torch.stack([values, cosines]))[0, 1] > 1 - _ROUNDED / 10)


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
