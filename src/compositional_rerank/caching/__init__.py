"""Semantic caches that do not serve the answer to another question."""

from compositional_rerank.caching.gptcache import SameQuestionEvaluation
from compositional_rerank.caching.guard import CacheCounts, CacheGuard
from compositional_rerank.caching.redisvl import GuardedSemanticCache
from compositional_rerank.caching.semantic_cache import CachedAnswer, SemanticCache

__all__ = [
    "CacheCounts",
    "CacheGuard",
    "CachedAnswer",
    "GuardedSemanticCache",
    "SameQuestionEvaluation",
    "SemanticCache",
]
