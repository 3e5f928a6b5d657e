"""Where candidates' token vectors live between queries."""

from compositional_rerank.store.base import TokenStore, token_key
from compositional_rerank.store.file import FileStore
from compositional_rerank.store.memory import MemoryStore
from compositional_rerank.store.quantise import quantise

__all__ = ["FileStore", "MemoryStore", "TokenStore", "quantise", "token_key"]
