"""CompositionalCache and GuardedCache: LangChain caches that do not serve the answer to another question."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.embeddings import Embeddings
from langchain_core.outputs import Generation
from langchain_core.runnables import run_in_executor

from compositional_rerank.caching import CacheCounts, CacheGuard, SemanticCache
from compositional_rerank.errors import InputError
from langchain_compositional_rerank.prompts import read_generations, split, write_generations

_KEY = "compositional_rerank_question"


class CompositionalCache(BaseCache):
    """A semantic cache in memory or in a SQLite file, for `set_llm_cache` or a model's ``cache``.

    Of a chat prompt the last human message is the question. All other messages, the model and its settings
    have to be equal for a hit; of another prompt the whole text is the question.

    Args:
        path: of the file, made where it is missing; None keeps all in memory.
        guard: decides; None is one with the defaults.
        embeddings: finds the closest questions; None is the embedding model of the guard's reranker.
        settings: ``least_similarity``, ``candidates``, ``max_entries`` and ``ttl`` of
            `compositional_rerank.caching.SemanticCache`.

    Raises:
        InputError: a number is out of range.
        StoreError: the file cannot be opened, or is none of ours.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> model = FakeListChatModel(responses=["Nine.", "Five."], cache=CompositionalCache())
        >>> [model.invoke(text).content for text in ("When does it open?", "When does it  open?")]
        ['Nine.', 'Nine.']
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        guard: CacheGuard | None = None,
        embeddings: Embeddings | None = None,
        **settings: Any,
    ) -> None:
        embed = None if embeddings is None else embeddings.embed_documents
        self.cache = SemanticCache(path, guard=guard, embed=embed, **settings)

    @property
    def counts(self) -> CacheCounts:
        """What the guard has seen."""
        return self.cache.counts

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """The generations of a cached prompt that asks the same; None on a miss."""
        scope, question = split(prompt, llm_string)
        found = self.cache.get(question, scope=scope)
        return None if found is None else read_generations(found.answer)

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep the generations of a prompt."""
        scope, question = split(prompt, llm_string)
        try:
            text = write_generations(return_val)
        except (TypeError, ValueError) as error:
            warnings.warn(f"an answer is not kept: it is no JSON ({error})", RuntimeWarning, stacklevel=2)
            return
        if question.strip():
            self.cache.put(question, text, scope=scope)

    def clear(self, **_: Any) -> None:
        """Drop everything."""
        self.cache.clear()


class GuardedCache(BaseCache):
    """A guard around another LangChain cache, such as `RedisSemanticCache`.

    The cache behind it gets the question, which is the last human message, as its prompt, and all other
    messages with the model's settings as its ``llm_string``; so that its vectors are those of questions. The
    question is kept beside the answer. What the cache holds without one, from before it was guarded, is never
    served.
    Give that cache a wide threshold: the guard decides.

    Args:
        cache: the cache behind it.
        guard: decides; None is one with the defaults.

    Raises:
        InputError: the cache is no `BaseCache`.

    Example:
        >>> from langchain_core.caches import InMemoryCache
        >>> from langchain_core.language_models import FakeListChatModel
        >>> cache = GuardedCache(InMemoryCache())
        >>> model = FakeListChatModel(responses=["Nine.", "Five."], cache=cache)
        >>> [model.invoke("When does it open?").content for _ in range(2)], cache.counts.hits
        (['Nine.', 'Nine.'], 1)
    """

    def __init__(self, cache: BaseCache, guard: CacheGuard | None = None) -> None:
        if not isinstance(cache, BaseCache):
            raise InputError(f"cache must be a BaseCache of LangChain, got {type(cache).__name__}")
        self.cache = cache
        self.guard = CacheGuard() if guard is None else guard

    @property
    def counts(self) -> CacheCounts:
        """What the guard has seen."""
        return self.guard.counts

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """What the cache behind it finds, if it is the answer to the same question; None on a miss."""
        scope, question = split(prompt, llm_string)
        return self._guarded(question, self.cache.lookup(question, scope))

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """`lookup` for asyncio; the questions are compared in a thread."""
        scope, question = split(prompt, llm_string)
        found = await self.cache.alookup(question, scope)
        return await run_in_executor(None, self._guarded, question, found)

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep the generations of a prompt; what came in is not changed."""
        scope, question = split(prompt, llm_string)
        self.cache.update(question, scope, _with_question(return_val, question))

    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """`update` for asyncio."""
        scope, question = split(prompt, llm_string)
        await self.cache.aupdate(question, scope, _with_question(return_val, question))

    def clear(self, **kwargs: Any) -> None:
        """Clear the cache behind it."""
        self.cache.clear(**kwargs)

    async def aclear(self, **kwargs: Any) -> None:
        """`clear` for asyncio."""
        await self.cache.aclear(**kwargs)

    def _guarded(self, question: str, found: RETURN_VAL_TYPE | None) -> RETURN_VAL_TYPE | None:
        generations = [] if found is None else list(found)
        cached = [(one.generation_info or {}).get(_KEY) for one in generations[:1]]
        if not self.guard.same(question, [text if isinstance(text, str) else "" for text in cached]):
            return None
        return [_without_question(one) for one in generations]


def _with_question(generations: Sequence[Generation], question: str) -> list[Generation]:
    return [
        one.model_copy(update={"generation_info": {**(one.generation_info or {}), _KEY: question}})
        for one in generations
    ]


def _without_question(one: Generation) -> Generation:
    info = {key: value for key, value in (one.generation_info or {}).items() if key != _KEY}
    return one.model_copy(update={"generation_info": info or None})
