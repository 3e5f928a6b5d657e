"""Similarity maps of a query with a passage, and how close the passages' segments are to the query."""

from __future__ import annotations

import torch

from compositional_rerank.errors import InputError
from compositional_rerank.scoring.tokens import PackedTokens


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


def segment_closeness(query: torch.Tensor, passages: PackedTokens, segments: torch.Tensor) -> torch.Tensor:
    """How close each segment of the passages is to the query, both ways.

    Closeness is the mean of the query's MaxSim with the segment and the segment's with the query. A near-miss
    has nearly the query's words and few others, so both are high; a segment that is about the query and says
    much else is only met one way.

    Args:
        query: ``[Tq, d]`` L2-normalised token vectors, ``Tq >= 1``.
        passages: packed passages.
        segments: int64 ``[S]``, how many tokens each segment has, at least 1; end to end they make up the
            packed tokens.

    Returns:
        float32 ``[S]`` in [-1, 1].

    Raises:
        InputError: the query is empty, or the segments do not add up to the packed tokens.

    Example:
        >>> passages = PackedTokens.from_list([torch.tensor([[1.0, 0.0], [0.6, 0.8]])])
        >>> segment_closeness(torch.tensor([[1.0, 0.0]]), passages, torch.tensor([1, 1]))
        tensor([1.0000, 0.6000])
    """
    if len(query) == 0:
        raise InputError("query must have at least one token")
    if int(segments.sum()) != len(passages.vectors) or bool((segments < 1).any()):
        raise InputError(
            f"segments hold {int(segments.sum())} tokens, the passages {len(passages.vectors)}: every token "
            "belongs to one segment, and no segment is empty"
        )
    if len(segments) == 0:
        return torch.zeros(0)
    similarities = (passages.vectors @ query.T).float().clamp_(-1.0, 1.0)
    there = torch.segment_reduce(similarities, "max", lengths=segments.to(similarities.device), axis=0).mean(
        dim=1
    )
    back = torch.segment_reduce(
        similarities.amax(dim=1), "mean", lengths=segments.to(similarities.device), axis=0
    )
    return (there + back).div_(2).cpu()
