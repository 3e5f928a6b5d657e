"""SemanticCache: answers found by what was asked, in memory or in one file."""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from compositional_rerank._files import absolute
from compositional_rerank._validation import check_bound, check_count, check_text, required
from compositional_rerank.caching.entries import Entries, Entry, Floats32
from compositional_rerank.caching.guard import CacheCounts, CacheGuard
from compositional_rerank.errors import InputError
from compositional_rerank.reranker import CompositionalReranker

_SAME_EMBEDDING = (
    0.99  # cosine of a text's vectors by two backends of one model; of two models it is far less
)
_BATCH = 256  # texts that are embedded at once
_LONGEST = 100 * 365 * 86_400.0


@dataclass(frozen=True)
class CachedAnswer:
    """What was served.

    Args:
        question: the cached question, which asks the same as the new one.
        answer: its answer.
        similarity: cosine of the two questions, in [-1, 1].
    """

    question: str
    answer: str
    similarity: float


class SemanticCache:
    """Serves the answer to a question that was asked before, in these words or others.

    The very same text is found by itself. For another, the closest cached questions are found by their
    vectors, and the guard lets pass those that ask the same.

    Nothing that goes wrong with the models or the file fails a call: it is a miss, or an answer that is not
    kept, and a RuntimeWarning says why. Safe to share between threads; several processes may share the file.

    Args:
        path: of the SQLite file, made where it is missing; None keeps all in memory.
        guard: decides; None is one with the defaults.
        embed: ``n`` texts -> float ``[n, d]``, of any scale; None is the embedding model of the guard's
            reranker. A file that another one filled is embedded again.
        least_similarity: cosine, in [-1, 1], from which a cached question is compared. The guard decides, so
            it may be low: what is farther away is a miss.
        candidates: how many cached questions are compared at most, at least 1, the closest.
        max_entries: how many answers are kept, at least 1; the least recently used are dropped.
        ttl: seconds, at least 0, after which an answer is not served any more; None is never.

    Raises:
        InputError: a number is out of range.
        StoreError: the file cannot be opened, or is none of ours.

    Example:
        >>> cache = SemanticCache()
        >>> cache.put("Is the drug safe for children?", "Yes, from the age of two.")
        >>> cache.get("Is the drug safe for children?").answer
        'Yes, from the age of two.'
        >>> cache.get("Is the drug not safe for children?") is None
        True
        >>> cache.counts.hits, cache.counts.guarded
        (1, 1)
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        guard: CacheGuard | None = None,
        embed: Callable[[list[str]], ArrayLike] | None = None,
        least_similarity: float = 0.5,
        candidates: int = 4,
        max_entries: int = 10_000,
        ttl: float | None = None,
    ) -> None:
        self.guard = CacheGuard() if guard is None else guard
        self._embed = _pooled(self.guard.reranker) if embed is None else embed
        least = check_bound(least_similarity, "least_similarity", -1.0, 1.0)
        self._least = required(least, "least_similarity")
        self._candidates = required(check_count(candidates, "candidates"), "candidates")
        most = required(check_count(max_entries, "max_entries"), "max_entries")
        seconds = check_bound(ttl, "ttl", 0.0, _LONGEST)
        self._entries = Entries(None if path is None else absolute(path), most, seconds)
        self._checking = Lock()
        self._checked = path is None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def counts(self) -> CacheCounts:
        """What the guard has seen."""
        return self.guard.counts

    def get(self, question: str, *, scope: str = "") -> CachedAnswer | None:
        """The answer to a cached question that asks the same; None on a miss.

        Args:
            question: what is asked.
            scope: only answers that were put under the same are looked at: a tenant, a model, a language.

        Raises:
            InputError: a value is no str.
        """
        check_text(question, "question")
        check_text(scope, "scope")
        found: list[Entry] = []
        try:
            now = time.time()
            same = self._entries.exact(scope, question, now)
            if same is None:
                vector = self._vector(question)
                found = self._entries.nearest(scope, vector, self._candidates, self._least, now)
            else:
                found = [same]
        except Exception as error:
            _warn("a cached answer could not be looked up, a miss", error)
        places = self.guard.same(question, [entry.question for entry in found])
        if not places:
            return None
        best = found[places[0]]
        try:
            self._entries.touch(best, time.time())
        except sqlite3.Error as error:
            _warn("it could not be noted that an answer was used", error)
        return CachedAnswer(best.question, best.answer, best.similarity)

    def put(self, question: str, answer: str, *, scope: str = "") -> None:
        """Keep the answer to a question, in place of an older one to the same text.

        Raises:
            InputError: a value is no str, or the question is blank.
        """
        if not check_text(question, "question").strip():
            raise InputError(f"question is blank ({question!r:.40}): pass what was asked")
        check_text(answer, "answer")
        check_text(scope, "scope")
        try:
            self._entries.add(scope, question, answer, self._vector(question), time.time())
        except Exception as error:
            _warn("an answer is not kept", error)

    def clear(self) -> None:
        """Drop all answers; what was counted stays."""
        self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        self._entries.close()

    def __enter__(self) -> SemanticCache:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _vector(self, question: str) -> Floats32:
        """float32 ``[d]``, L2-normalised; before the first, vectors of another model are made anew."""
        if not self._checked:
            with self._checking:
                if not self._checked:
                    sample = self._entries.sample()
                    if sample is not None and not _alike(self._vectors([sample[0]])[0], sample[1]):
                        self._entries.embed_again(self._vectors)
                    self._checked = True
        vector: Floats32 = self._vectors([question])[0]
        return vector

    def _vectors(self, texts: list[str]) -> Floats32:
        if len(texts) > _BATCH:
            parts = [self._vectors(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
            return np.concatenate(parts)
        vectors = np.asarray(self._embed(texts), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise InputError(
                f"embed gave an array of shape {vectors.shape} for {len(texts)} texts: return "
                "finite numbers, one row for each text"
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        normalised: Floats32 = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return normalised


def _pooled(reranker: CompositionalReranker) -> Callable[[list[str]], ArrayLike]:
    def embed(texts: list[str]) -> ArrayLike:
        return np.stack([one.pooled.numpy() for one in reranker.encoder.encode(texts, task="query")])

    return embed


def _alike(vector: Floats32, other: Floats32) -> bool:
    return vector.shape == other.shape and float(vector @ other) >= _SAME_EMBEDDING


def _warn(what: str, error: Exception) -> None:
    warnings.warn(f"{what}: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=3)
