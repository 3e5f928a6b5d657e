"""SameQuestionEvaluation: the guard as GPTCache's similarity evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compositional_rerank.caching.guard import CacheCounts, CacheGuard


class SameQuestionEvaluation:
    """What `gptcache.Cache.init` takes as ``similarity_evaluation``: 1 for the same question, 0 for another.

    GPTCache serves what reaches its own ``similarity_threshold``. With these two values any threshold above 0
    leaves the decision to the guard. GPTCache asks about one candidate at a time, so that each of them is
    counted as a lookup. Questions that are no text do not pass. GPTCache itself is not imported.

    Args:
        guard: decides; None is one with the defaults.

    Example:
        >>> evaluation = SameQuestionEvaluation()
        >>> evaluation.range()
        (0.0, 1.0)
        >>> evaluation.evaluation({"question": "Is it safe now?"}, {"question": "Is it safe now?"})
        1.0
    """

    def __init__(self, guard: CacheGuard | None = None) -> None:
        self.guard = CacheGuard() if guard is None else guard

    @property
    def counts(self) -> CacheCounts:
        """What the guard has seen."""
        return self.guard.counts

    def evaluation(self, src_dict: Mapping[str, Any], cache_dict: Mapping[str, Any], **_: Any) -> float:
        """1.0 if the cached question is the one that was asked, else 0.0.

        Args:
            src_dict: the request; its ``"question"`` is a str, or an object whose ``content`` is one.
            cache_dict: the same of a cached request.
        """
        new, cached = _text(src_dict.get("question")), _text(cache_dict.get("question"))
        if new is None or cached is None:
            return 0.0
        return float(bool(self.guard.same(new, [cached])))

    def range(self) -> tuple[float, float]:
        """Least and greatest value of an evaluation."""
        return 0.0, 1.0


def _text(question: Any) -> str | None:
    """GPTCache hands out what was stored as a str or as its `Question`."""
    text = getattr(question, "content", question)
    return text if isinstance(text, str) else None
