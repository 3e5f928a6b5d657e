"""Similarity maps, and how a query meets passages as a whole and segment by segment."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from compositional_rerank.errors import InputError
from compositional_rerank.scoring.cosines import check_query, token_cosines, whole_lanes
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE, segment_max
from compositional_rerank.scoring.tokens import PackedTokens


def similarity_map(
    query: torch.Tensor, passage: torch.Tensor, scales: torch.Tensor | None = None
) -> torch.Tensor:
    """Cosines of every query token with every passage token.

    Args:
        query: ``[Tq, d]`` L2-normalised token vectors, ``Tq >= 1``.
        passage: ``[Td, d]`` L2-normalised token vectors, or int8.
        scales: float32 ``[Td]`` with int8 vectors.

    Returns:
        float32 ``[Tq, Td]`` in [-1, 1].

    Example:
        >>> similarity_map(torch.eye(2), torch.tensor([[0.6, 0.8]])).shape
        torch.Size([2, 1])
    """
    return token_cosines(query, PackedTokens.from_list([passage], [scales])).T.clamp(-1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Similarities:
    """How a query of ``q`` sentences meets ``n`` passages of ``s`` segments in all.

    Args:
        maxsim: float32 ``[n]`` in [-1, 1] on the CPU: MaxSim of the whole query with each passage.
        closeness: float32 ``[q, s]`` in [-1, 1] on the CPU: of each sentence with each segment.
    """

    maxsim: torch.Tensor
    closeness: torch.Tensor


def match(query: PackedTokens, passages: PackedTokens, segments: torch.Tensor) -> Similarities:
    """MaxSim of every passage, and closeness of every segment, from one matrix product.

    Closeness is the mean of the sentence's MaxSim with the segment and the segment's with the sentence. A
    near-miss has nearly the query's words and few others, so both are high; a segment that is about the query
    and says much else is only met one way.

    Args:
        query: the query's sentences, at least one, none of them empty.
        passages: packed passages, about `tokens.RUN_TOKENS` of them at a time.
        segments: int64 ``[s]``, how many tokens each segment has, at least 1; end to end they make up the
            packed tokens, and none reaches over the end of a passage.

    Raises:
        InputError: a sentence is empty, or the segments do not add up to the packed tokens.

    Example:
        >>> passages = PackedTokens.from_list([torch.tensor([[1.0, 0.0], [0.6, 0.8]])])
        >>> query = PackedTokens.from_list([torch.tensor([[1.0, 0.0]])])
        >>> found = match(query, passages, torch.tensor([1, 1]))
        >>> found.maxsim, found.closeness
        (tensor([1.]), tensor([[1.0000, 0.6000]]))
    """
    ends = segments.cumsum(0)
    if bool((segments < 1).any()) or (int(ends[-1]) if len(ends) else 0) != len(passages.vectors):
        raise InputError(
            f"segments hold {int(segments.sum())} tokens, the passages {len(passages.vectors)}: every token "
            "belongs to one segment, and no segment is empty"
        )
    for sentence in query:
        check_query(sentence, passages.dimension)
    tokens = len(query.vectors)
    cosines = token_cosines(whole_lanes(query.vectors), passages)
    best = segment_max(cosines, segments)
    counts = torch.searchsorted(ends, passages.offsets, right=True).diff()  # segments of every passage
    best_of_passages = segment_max(best, counts)[:, :tokens].mean(dim=1).clamp_(EMPTY_RELEVANCE, 1.0)
    rows = torch.repeat_interleave(torch.arange(len(segments)), segments).to(cosines.device)
    lengths = segments.to(cosines.device)
    closeness = torch.empty(len(query), len(segments), dtype=torch.float32, device=cosines.device)
    first = 0
    for index, width in enumerate(query.lengths.tolist()):
        there = best[:, first : first + width].mean(dim=1)
        # The last sentence may keep its repeated token: torch takes the maximum of 32 columns at once, and of
        # those left over one by one.
        filled = index == len(query) - 1 and cosines.shape[1] % 32 == 0
        back = cosines[:, first : None if filled else first + width].amax(dim=1)
        sums = torch.zeros_like(there).index_add_(0, rows, back)
        torch.add(there, sums.div_(lengths), out=closeness[index])
        first += width
    return Similarities(best_of_passages.cpu(), closeness.div_(2).clamp_(-1.0, 1.0).cpu())
