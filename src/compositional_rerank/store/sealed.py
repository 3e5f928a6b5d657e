"""One passage as one value, which says how it is laid out and whether it is whole."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.store.layout import Batch, Layout

_FORMAT = 1
_CHECKSUM = struct.Struct("<Q")
_HEAD = struct.Struct("<IIII")  # format, dimension, pooled dimension, tokens
_START = _CHECKSUM.size + _HEAD.size
_MOST_COMPONENTS = 1 << 16  # of a vector that is believed


def seal(entry: EncodedText, dtype: str, salt: int) -> bytes:
    """The value of an entry: checksum, head, and the bytes that a `Layout` of the dtype makes of it.

    Args:
        entry: the passage.
        dtype: one of `quantise.DTYPES`.
        salt: a uint64 from its key, so that a value under another key is found out.
    """
    layout = _layout(dtype, entry.vectors.shape[1], len(entry.pooled))
    head = _HEAD.pack(_FORMAT, layout.dimension, layout.pooled, len(entry.vectors))
    content = head + layout.pack(entry)
    return _CHECKSUM.pack(layout.checksum(salt, content)) + content


def unseal(values: Sequence[bytes | None], dtype: str, salts: Sequence[int]) -> list[EncodedText | None]:
    """The entries of values; None where there is none, or one that is damaged or not of `seal`'s making."""
    found: dict[Layout, dict[int, tuple[int, bytes]]] = {}
    for place, (value, salt) in enumerate(zip(values, salts, strict=True)):
        if value is not None and (head := _head(value, dtype, salt)) is not None:
            layout, tokens = head
            found.setdefault(layout, {})[place] = (tokens, value)
    result: list[EncodedText | None] = [None] * len(values)
    for layout, rows in found.items():
        for place, entry in _entries(layout, rows).items():
            result[place] = entry
    return result


def _head(value: bytes, dtype: str, salt: int) -> tuple[Layout, int] | None:
    """Layout and number of tokens of a value whose checksum is right."""
    if len(value) < _START:
        return None
    version, dimension, pooled, tokens = _HEAD.unpack_from(value, _CHECKSUM.size)
    if version != _FORMAT or not 0 < dimension <= _MOST_COMPONENTS or not 0 < pooled <= _MOST_COMPONENTS:
        return None
    layout = _layout(dtype, dimension, pooled)
    if layout.checksum(salt, memoryview(value)[_CHECKSUM.size :]) != _CHECKSUM.unpack_from(value)[0]:
        return None
    fits = len(value) - _START >= int(layout.least_bytes(np.array(tokens, np.int64)))
    return (layout, tokens) if fits else None


def _entries(layout: Layout, rows: Mapping[int, tuple[int, bytes]]) -> dict[int, EncodedText]:
    """The sound entries, by place; those that are not are left out until all of a batch are."""
    while rows:
        tokens = np.array([count for count, _ in rows.values()], np.int64)
        sizes = np.array([len(value) - _START for _, value in rows.values()], np.int64)
        batch = Batch(layout, tokens, sizes)
        for view, (_, value) in zip(batch.views, rows.values(), strict=True):
            view[:] = memoryview(value)[_START:]
        sound = batch.sound()
        if all(sound):
            return dict(zip(rows, batch.entries(), strict=True))
        rows = {place: row for (place, row), is_sound in zip(rows.items(), sound, strict=True) if is_sound}
    return {}


_layout = lru_cache(maxsize=64)(Layout)
