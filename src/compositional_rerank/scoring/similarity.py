"""Similarity maps of a query with a passage, and the segments of the passage that meet the query best."""

from __future__ import annotations

import torch

from compositional_rerank.errors import InputError
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE


def similarity_map(query: torch.Tensor, passage: torch.Tensor) -> torch.Tensor:
    """Cosines of every query token with every passage token.

    Args:
        query: ``[Tq, d]`` L2-normalised token vectors.
        passage: ``[Td, d]`` L2-normalised token vectors.

    Returns:
        float32 ``[Tq, Td]`` in [-1, 1].

    Example:
        >>> similarity_map(torch.eye(2), torch.tensor([[0.6, 0.8]])).shape
        torch.Size([2, 1])
    """
    if query.shape[1] != passage.shape[1]:
        raise InputError(
            f"query vectors have {query.shape[1]} dimensions and passage vectors {passage.shape[1]}: "
            "encode both with the same model"
        )
    return (query.float() @ passage.float().T).clamp_(-1.0, 1.0)


def best_segments(similarities: torch.Tensor, spans: torch.Tensor, most: int) -> torch.Tensor:
    """The segments of a passage with the highest MaxSim of their own, best first.

    Args:
        similarities: ``[Tq, Td]`` map of the query with the whole passage.
        spans: int64 ``[S, 2]`` token spans ``start, stop`` of the segments.
        most: how many to return at most, at least 1.

    Returns:
        int64 ``[min(most, S)]`` indices into ``spans``; ties keep the order of the passage.

    Example:
        >>> spans = torch.tensor([[0, 1], [1, 3]])
        >>> best_segments(torch.tensor([[0.1, 0.9, 0.2]]), spans, most=1).tolist()
        [1]
    """
    if most < 1:
        raise InputError(f"most must be at least 1, got {most}")
    scores = [
        float(similarities[:, start:stop].amax(dim=1).mean()) if stop > start else EMPTY_RELEVANCE
        for start, stop in spans.tolist()
    ]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return torch.tensor(order[:most], dtype=torch.int64)
