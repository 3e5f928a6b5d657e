"""Where candidates' token vectors live between queries."""

from compositional_rerank.store.base import TokenStore, token_key
from compositional_rerank.store.memory import MemoryStore
from compositional_rerank.store.quantise import quantise

__all__ = ["MemoryStore", "TokenStore", "quantise", "token_key"]
