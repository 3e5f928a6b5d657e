"""CacheGuard: which of the questions that a cache found are the one that was asked."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

from compositional_rerank._validation import check_bound, check_text, check_texts, required
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.verification.forms import identical


@dataclass(frozen=True)
class CacheCounts:
    """What a guard has seen. Every lookup is a hit, guarded or a miss.

    Args:
        hits: lookups that found the same question.
        guarded: lookups for which the cache had candidates, and none was the same question.
        misses: lookups for which the cache had no candidate, or the verifier failed.
        failures: lookups, among the misses, in which the verifier failed.
        milliseconds: time spent in all of them; divide by their number for the time of one.
    """

    hits: int = 0
    guarded: int = 0
    misses: int = 0
    failures: int = 0
    milliseconds: float = 0.0


class CacheGuard:
    """Lets a cached answer pass only where its question is the one that was asked.

    A candidate passes with ``least_support``, the probability that both questions are the same. One that is
    the same to the letter passes unread. One that cannot be judged does not pass: keywords, another language,
    code, or too long. If the verifier fails, nothing passes, and a RuntimeWarning says why. Safe to share
    between threads, and between several caches that are to be counted together.

    Args:
        reranker: compares the questions; None is the shipped default, loaded at first use.
        least_support: in [0, 1]; more refuses more near-misses, and more questions in other words.

    Raises:
        InputError: the number is out of range.

    Example:
        >>> guard = CacheGuard()
        >>> cached = ["Is the drug not safe for children?", "Is the drug safe for children?"]
        >>> guard.same("Is the drug safe for children?", cached)
        [1]
        >>> guard.counts.hits, guard.counts.guarded
        (1, 0)
    """

    def __init__(self, reranker: CompositionalReranker | None = None, *, least_support: float = 0.5) -> None:
        self.reranker = CompositionalReranker() if reranker is None else reranker
        self.least_support = required(check_bound(least_support, "least_support", 0.0, 1.0), "least_support")
        self._counts = CacheCounts()
        self._lock = Lock()

    @property
    def counts(self) -> CacheCounts:
        """What was seen until now."""
        return self._counts

    def same(self, new: str, cached: Sequence[str]) -> list[int]:
        """Places of the candidates that are the same question, the surest first; counts one lookup.

        Args:
            new: the question that was asked.
            cached: questions that the cache found, the closest first.

        Raises:
            InputError: a question is no str.
        """
        check_text(new, "new")
        candidates = check_texts(cached, "cached")
        start = time.perf_counter()
        failed = False
        found = [place for place, text in enumerate(candidates) if identical(text, new)]
        if candidates and not found:
            try:
                found = self._alike(new, candidates)
            except Exception as error:
                failed = True
                reason = f"{type(error).__name__}: {error}"
                warnings.warn(f"a cached answer could not be checked, a miss: {reason}", RuntimeWarning, 3)
        self._count(bool(found), bool(candidates), failed, 1000 * (time.perf_counter() - start))
        return found

    def _alike(self, new: str, candidates: list[str]) -> list[int]:
        verdicts = self.reranker.same_questions(candidates, [new] * len(candidates))
        support = [-1.0 if one.support is None else one.support for one in verdicts]
        enough = [place for place, value in enumerate(support) if value >= self.least_support]
        return sorted(enough, key=lambda place: -support[place])

    def _count(self, hit: bool, close: bool, failed: bool, milliseconds: float) -> None:
        with self._lock:
            old = self._counts
            self._counts = replace(
                old,
                hits=old.hits + hit,
                guarded=old.guarded + (close and not hit and not failed),
                misses=old.misses + (not hit and (failed or not close)),
                failures=old.failures + failed,
                milliseconds=old.milliseconds + milliseconds,
            )
