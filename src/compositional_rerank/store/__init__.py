"""Where candidates' token vectors live between queries."""

from compositional_rerank.store.base import TokenStore, token_key
from compositional_rerank.store.memory import MemoryStore

__all__ = ["MemoryStore", "TokenStore", "token_key"]
