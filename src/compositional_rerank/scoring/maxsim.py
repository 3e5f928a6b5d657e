"""MaxSim on the packed layout: one matrix product and a segment maximum, no padding.

Source: late interaction, Khattab & Zaharia, "ColBERT" (SIGIR 2020), with the mean over query tokens in
place of the sum, so that scores of queries of different lengths share the range [-1, 1].
"""

from __future__ import annotations

import torch

from compositional_rerank.scoring.cosines import check_query, token_cosines, whole_lanes
from compositional_rerank.scoring.tokens import PackedTokens

EMPTY_RELEVANCE = -1.0
"""Relevance of a text without tokens: the lowest value of the range, so that it ranks last."""

LOWEST = -2.0
"""Best cosine of a text without tokens: below any cosine, also one of rounded vectors."""


def maxsim(query: torch.Tensor | PackedTokens, passages: PackedTokens) -> torch.Tensor:
    """Mean over query tokens of the best cosine with a passage token.

    Args:
        query: ``[Tq, d]`` L2-normalised token vectors, ``Tq >= 1``; or ``b`` packed queries, all of them with
            at least one token.
        passages: ``n`` packed passages of the same dimension.

    Returns:
        float32 ``[n]`` in [-1, 1] on the vectors' device, or ``[b, n]`` for packed queries; a passage without
        tokens gets -1.

    Raises:
        InputError: a query has no token, or the dimensions differ.

    Example:
        >>> passages = PackedTokens.from_list([torch.eye(2), -torch.eye(2), torch.zeros(0, 2)])
        >>> maxsim(torch.eye(2), passages).tolist()
        [1.0, 0.0, -1.0]
        >>> maxsim(PackedTokens.from_list([torch.eye(2), torch.eye(1, 2)]), passages).shape
        torch.Size([2, 3])
    """
    queries = list(query) if isinstance(query, PackedTokens) else [query]
    for one in queries:
        check_query(one, passages.dimension)
    if len(passages) == 0:
        scores = torch.zeros(len(queries), 0, dtype=torch.float32, device=passages.vectors.device)
    else:
        tokens = query.vectors if isinstance(query, PackedTokens) else query
        columns = whole_lanes(tokens)
        best = torch.cat([segment_max(token_cosines(columns, run), run.lengths) for run in passages.split()])
        parts = torch.split(best[:, : len(tokens)], [len(one) for one in queries], dim=1)
        means = [part.mean(dim=1) for part in parts]
        scores = torch.stack(means).clamp_(EMPTY_RELEVANCE, 1.0)
    return scores if isinstance(query, PackedTokens) else scores[0]


def with_cosines(maxsims: torch.Tensor, cosines: torch.Tensor, share: float) -> torch.Tensor:
    """MaxSim, mixed with the cosines of pooled vectors.

    Args:
        maxsims: float32 ``[n]`` in [-1, 1].
        cosines: float32 ``[n]`` in [-1, 1].
        share: of the cosines, in [0, 1).

    Returns:
        float32 ``[n]`` in [-1, 1]; `EMPTY_RELEVANCE` where MaxSim is that.
    """
    mixed = ((1 - share) * maxsims + share * cosines).clamp_(-1.0, 1.0)
    return torch.where(maxsims > EMPTY_RELEVANCE, mixed, maxsims)


def segment_max(cosines: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Column-wise maximum of every run of rows.

    Args:
        cosines: float32 ``[sum T, Tq]``.
        lengths: int64 ``[n]`` on the CPU, how many rows each run has.

    Returns:
        float32 ``[n, Tq]`` on the cosines' device; `LOWEST` for a run without rows.
    """
    count, width = len(lengths), cosines.shape[1]
    if count and int(lengths[0]) > 0 and bool((lengths == lengths[0]).all()):  # fixed-size passages
        return cosines.view(count, -1, width).amax(dim=1)
    runs = torch.repeat_interleave(torch.arange(count), lengths).to(cosines.device)
    best = torch.full((count, width), LOWEST, dtype=torch.float32, device=cosines.device)
    # An expanded index is what torch has a vectorised kernel for: 4 to 10 times faster than segment_reduce.
    return best.scatter_reduce_(0, runs.unsqueeze(1).expand(-1, width), cosines, "amax")
