"""What becomes of a list of candidates for which the time was too short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from compositional_rerank.concurrency.deadline import within
from compositional_rerank.errors import DeadlineError
from compositional_rerank.results import RankedPassage, Ranking

OnTimeout = Literal["raise", "keep"]
ON_TIMEOUT = ("raise", "keep")


def in_time(ranked: Callable[[], Ranking], timeout: float | None, unranked: Ranking | None) -> Ranking:
    """A ranking within ``timeout`` seconds, else ``unranked``; None of it raises, and None of time waits."""
    if timeout is None:
        return ranked()
    try:
        return within(timeout, ranked)
    except DeadlineError:
        if unranked is None:
            raise
        return unranked


def as_they_came(
    query: str, passages: Sequence[str], given: Sequence[float | None], top_n: int | None
) -> Ranking:
    """The candidates in incoming order, without scores, and the ranking says so.

    Example:
        >>> ranking = as_they_came("Who?", ["a", "b"], [None, None], None)
        >>> [result.text for result in ranking], ranking.degraded
        (['a', 'b'], ('timeout',))
    """
    rows = enumerate(zip(passages, given, strict=True))
    results = tuple(RankedPassage.unranked(index, text, score) for index, (text, score) in rows)
    return Ranking(query, results[:top_n], ("timeout",))
