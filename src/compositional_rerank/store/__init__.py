"""Where candidates' token vectors live between queries."""

from compositional_rerank.store.base import TokenStore, token_key
from compositional_rerank.store.file import FileStore
from compositional_rerank.store.memory import MemoryStore
from compositional_rerank.store.opening import open_store
from compositional_rerank.store.quantise import quantise
from compositional_rerank.store.redis import RedisStore
from compositional_rerank.store.shelf import Shelf
from compositional_rerank.store.url import StoreUrl

__all__ = [
    "FileStore",
    "MemoryStore",
    "RedisStore",
    "Shelf",
    "StoreUrl",
    "TokenStore",
    "open_store",
    "quantise",
    "token_key",
]
