"""Haystack ranker over the core `compositional_rerank`."""

from haystack_integrations.components.rankers.compositional_rerank.ranker import CompositionalRanker

__all__ = ["CompositionalRanker"]
