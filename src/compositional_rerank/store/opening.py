"""The store that a name means."""

from __future__ import annotations

import os

from compositional_rerank.store.file import FileStore
from compositional_rerank.store.redis import RedisStore
from compositional_rerank.store.url import StoreUrl


def open_store(name: str | os.PathLike[str], dtype: str | None = None) -> FileStore | RedisStore:
    """Open a `FileStore` by its folder, or a `RedisStore` by its address.

    Args:
        name: a path, or what `StoreUrl` takes.
        dtype: precision of the entries; None is the store's own.

    Raises:
        InputError: the dtype is wrong.
        MissingDependencyError: redis-py is not installed.
        StoreError: the address is wrong, or the folder cannot be used as a store.
    """
    if isinstance(name, str) and "://" in name:
        return RedisStore(StoreUrl(name), dtype)
    return FileStore(name, dtype)
