"""GuardedSemanticCache: the guard around a RedisVL semantic cache."""

from __future__ import annotations

import asyncio
from typing import Any

from compositional_rerank._validation import check_count, required
from compositional_rerank.caching.guard import CacheCounts, CacheGuard
from compositional_rerank.errors import InputError

_PROMPT = "prompt"


class GuardedSemanticCache:
    """A `redisvl.extensions.cache.llm.SemanticCache` whose `check` finds only the same question.

    Everything else, as `store`, `clear` and `set_threshold`, is the cache's own. Give that cache a wide
    ``distance_threshold``: the guard decides. RedisVL itself is not imported.

    Args:
        cache: the cache.
        guard: decides; None is one with the defaults.
        candidates: how many entries are compared at most, at least 1.

    Raises:
        InputError: the number is out of range.
    """

    def __init__(self, cache: Any, guard: CacheGuard | None = None, *, candidates: int = 4) -> None:
        self.cache = cache
        self.guard = CacheGuard() if guard is None else guard
        self.candidates = required(check_count(candidates, "candidates"), "candidates")

    @property
    def counts(self) -> CacheCounts:
        """What the guard has seen."""
        return self.guard.counts

    def __getattr__(self, name: str) -> Any:
        if name == "cache":  # not there yet: a copy or a pickle that is being built
            raise AttributeError(name)
        return getattr(self.cache, name)

    def check(
        self,
        prompt: str | None = None,
        vector: list[float] | None = None,
        num_results: int = 1,
        return_fields: list[str] | None = None,
        **others: Any,
    ) -> list[dict[str, Any]]:
        """Entries of the cache that are the same question, the surest first; the arguments are RedisVL's.

        RedisVL refreshes the TTL of every entry that was compared.

        Raises:
            InputError: there is no ``prompt``: a vector alone cannot be compared.
        """
        asked = _checked(prompt)
        search = self._search(vector, num_results, return_fields)
        entries = self.cache.check(asked, **search, **others)
        return self._same(asked, entries, num_results, return_fields)

    async def acheck(
        self,
        prompt: str | None = None,
        vector: list[float] | None = None,
        num_results: int = 1,
        return_fields: list[str] | None = None,
        **others: Any,
    ) -> list[dict[str, Any]]:
        """`check` for asyncio; the questions are compared in a thread."""
        asked = _checked(prompt)
        search = self._search(vector, num_results, return_fields)
        entries = await self.cache.acheck(asked, **search, **others)
        return await asyncio.to_thread(self._same, asked, entries, num_results, return_fields)

    def _search(
        self, vector: list[float] | None, num_results: int, return_fields: list[str] | None
    ) -> dict[str, Any]:
        fields = [*return_fields, _PROMPT] if isinstance(return_fields, list) else return_fields
        return {
            "vector": vector,
            "num_results": max(num_results, self.candidates),
            "return_fields": fields or None,
        }

    def _same(
        self, asked: str, entries: list[dict[str, Any]], most: int, fields: list[str] | None
    ) -> list[dict[str, Any]]:
        places = self.guard.same(asked, [entry[_PROMPT] for entry in entries])[:most]
        drop = {_PROMPT} if fields and _PROMPT not in fields else set()
        return [{key: value for key, value in entries[place].items() if key not in drop} for place in places]


def _checked(prompt: str | None) -> str:
    if not isinstance(prompt, str):
        raise InputError(
            f"prompt must be a str, got {type(prompt).__name__}: pass the question beside its vector"
        )
    return prompt
