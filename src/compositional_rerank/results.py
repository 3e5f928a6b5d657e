"""What comes out: rankings and scores of pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RankedPassage:
    """One candidate with its named scores, all of them Python floats.

    Args:
        index: place in the list that came in, from 0.
        text: the passage.
        retrieval_score: what the retriever gave, untouched; None if it gave none.
        maxsim: MaxSim with the query, in [-1, 1].
        relevance: what ranks before the penalty, in [-1, 1]: MaxSim, or where a checkpoint says so MaxSim
            mixed with the cosine of the pooled vectors.
        closeness: how close the closest segment is to the query, both ways, in [-1, 1]; None where the
            passage was not verified.
        mismatch: probability, in [0, 1], that the passage is a structural near-miss of the query; None
            where it was not verified: no verifier is loaded, or the passage is too far from the query.
        score: what sorts: relevance less the penalty of a mismatch.
    """

    index: int
    text: str
    retrieval_score: float | None
    maxsim: float
    relevance: float
    closeness: float | None
    mismatch: float | None
    score: float


@dataclass(frozen=True)
class Ranking:
    """Candidates from best to worst; equal scores keep the order in which they came in."""

    query: str
    results: tuple[RankedPassage, ...]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[RankedPassage]:
        return iter(self.results)

    def __getitem__(self, place: int) -> RankedPassage:
        return self.results[place]


@dataclass(frozen=True, eq=False)
class PairScores:
    """Scores of aligned pairs of texts, float64 ``[n]`` each; see `RankedPassage` for ranges.

    ``closeness`` and ``mismatch`` are None without a verifier; with one, every pair is verified, however far
    apart.
    """

    maxsim: NDArray[np.float64]
    relevance: NDArray[np.float64]
    closeness: NDArray[np.float64] | None
    mismatch: NDArray[np.float64] | None
    score: NDArray[np.float64]
