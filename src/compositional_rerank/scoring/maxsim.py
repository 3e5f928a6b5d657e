"""MaxSim on the packed layout: one matrix product and a segment maximum, no padding.

Source: late interaction, Khattab & Zaharia, "ColBERT" (SIGIR 2020), with the mean over query tokens in
place of the sum, so that scores of queries of different lengths share the range [-1, 1].
"""

from __future__ import annotations

import torch

from compositional_rerank.errors import InputError
from compositional_rerank.scoring.tokens import PackedTokens

EMPTY_RELEVANCE = -1.0
"""Relevance of a text without tokens: the lowest value of the range, so that it ranks last."""

_CHUNK_TOKENS = 4096  # the product of a chunk (4096 x 32 float32, 512 KiB) stays in the L2 cache


def maxsim(query: torch.Tensor, passages: PackedTokens) -> torch.Tensor:
    """Mean over query tokens of the best cosine with a passage token.

    Args:
        query: ``[Tq, d]`` L2-normalised token vectors, ``Tq >= 1``.
        passages: ``n`` packed passages of the same dimension and dtype.

    Returns:
        float32 ``[n]`` in [-1, 1] on the vectors' device; a passage without tokens gets -1.

    Raises:
        InputError: the query has no token, or the dimensions differ.

    Example:
        >>> passages = PackedTokens.from_list([torch.eye(2), -torch.eye(2), torch.zeros(0, 2)])
        >>> maxsim(torch.eye(2), passages).tolist()
        [1.0, 0.0, -1.0]
    """
    if query.dim() != 2 or len(query) == 0:
        raise InputError(f"query must be [Tq, d] with at least one token, got shape {tuple(query.shape)}")
    if query.shape[1] != passages.dimension:
        raise InputError(
            f"query vectors have {query.shape[1]} dimensions and passage vectors {passages.dimension}: "
            "encode both with the same model"
        )
    best = torch.full((len(passages), len(query)), float("-inf"), device=passages.vectors.device)
    transposed = query.T
    for first, last in _chunks(passages.offsets):
        start, stop = int(passages.offsets[first]), int(passages.offsets[last])
        similarities = (passages.vectors[start:stop] @ transposed).float()
        lengths = passages.lengths[first:last].tolist()
        for row, block in zip(range(first, last), torch.split(similarities, lengths), strict=True):
            if len(block):
                torch.amax(block, dim=0, out=best[row])
    return best.mean(dim=1).clamp_(-1.0, 1.0)  # a passage without tokens is at -inf here


def _chunks(offsets: torch.Tensor) -> list[tuple[int, int]]:
    """Split the texts into runs of about ``_CHUNK_TOKENS`` tokens: ``(first, last)`` text indices."""
    chunks, first = [], 0
    ends = offsets.tolist()
    for index in range(1, len(ends)):
        if ends[index] - ends[first] >= _CHUNK_TOKENS or index == len(ends) - 1:
            chunks.append((first, index))
            first = index
    return chunks
