"""MemoryStore: a bounded token store in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from compositional_rerank.concurrency.forked import ForkedLock
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError
from compositional_rerank.store.quantise import check_dtype


class MemoryStore:
    """Keeps the most recently used passages within a number of bytes.

    An entry larger than the whole limit is not kept; the passage is then encoded at every query.

    Args:
        max_bytes: limit on the arrays' memory, above 0. The default of 1 GiB holds about 20,000 passages of
            128 tokens at d = 384 in int8.
        dtype: precision of the entries: float32, float16, int8, int4 or int3; the last three take the same
            memory. With int8 a relevance is within .002 of float32's.

    Raises:
        InputError: the limit is not a positive integer, or the dtype is unknown.

    Example:
        >>> store = MemoryStore(max_bytes=1_000_000)
        >>> len(store), store.nbytes
        (0, 0)
    """

    def __init__(self, max_bytes: int = 1 << 30, dtype: str = "int8") -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise InputError(f"max_bytes must be an int above 0, got {max_bytes!r}")
        self.dtype = check_dtype(dtype)
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._entries: OrderedDict[bytes, EncodedText] = OrderedDict()
        self._lock = ForkedLock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
        """The entries of the keys, in their order; None where there is none."""
        with self._lock:
            found = []
            for key in keys:
                entry = self._entries.get(key)
                if entry is not None:
                    self._entries.move_to_end(key)
                found.append(entry)
            return found

    def put(self, entries: Mapping[bytes, EncodedText]) -> None:
        """Keep entries, dropping the least recently used ones over the limit."""
        with self._lock:
            for key, entry in entries.items():
                old = self._entries.pop(key, None)
                self.nbytes -= old.nbytes if old is not None else 0
                if entry.nbytes <= self.max_bytes:  # else it would push out all the others, then itself
                    self._entries[key] = entry
                    self.nbytes += entry.nbytes
            while self.nbytes > self.max_bytes:
                _, dropped = self._entries.popitem(last=False)
                self.nbytes -= dropped.nbytes
