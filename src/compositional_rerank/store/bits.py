"""Numbers of three and four bits, side by side in bytes: packed passage by passage, unpacked many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = {"int4": tuple(range(-8, 8)), "int3": (-127, -79, -45, -14, 14, 45, 79, 127)}
"""What each code of a packed dtype stands for, rising; all fit into int8."""
_BITS = {"int4": 4, "int3": 3}
_TOGETHER = {"int4": 2, "int3": 8}  # codes that fill whole bytes


def _table(dtype: str, together: int, number: str) -> NDArray[Any]:
    """What every word of ``together`` codes stands for, as one number as wide as so many int8."""
    values = np.array(NUMBERS[dtype], np.int8)
    words = np.meshgrid(*[values] * together, indexing="ij")
    return np.stack(words, axis=-1).reshape(-1, together).view(number)[:, 0]


_PAIRS = _table("int4", 2, "i2")  # of a byte
_FOURS = _table("int3", 4, "i4")  # of twelve bits: 16 KB, which fit the first cache


def row_bytes(dimension: int, dtype: str) -> int:
    """Bytes of one packed vector.

    Example:
        >>> row_bytes(320, "int4"), row_bytes(320, "int3"), row_bytes(9, "int3")
        (160, 120, 6)
    """
    return _codes(dimension, dtype) * _BITS[dtype] // 8


def _codes(dimension: int, dtype: str) -> int:
    """Codes of one packed vector, those that only fill its last byte included."""
    return dimension + -dimension % _TOGETHER[dtype]


def pack(vectors: NDArray[np.int8], dtype: str) -> NDArray[np.uint8]:
    """Vectors ``[n, d]`` of the dtype's `NUMBERS` as uint8 ``[n, row_bytes]``."""
    codes = np.searchsorted(NUMBERS[dtype], vectors).astype(np.uint8)
    count, dimension = codes.shape
    codes = np.pad(codes, ((0, 0), (0, _codes(dimension, dtype) - dimension)))
    bits = np.unpackbits(codes[:, :, None], axis=2)[:, :, -_BITS[dtype] :]
    return np.packbits(bits.reshape(count, 8 * row_bytes(dimension, dtype)), axis=1)


def unpack(packed: NDArray[np.uint8], dimension: int, dtype: str) -> NDArray[np.int8]:
    """The int8 vectors ``[n, d]`` that `pack` made the bytes of; the bytes may be flat.

    Example:
        >>> vectors = np.array([[127, -45, 14], [-14, -127, 79]], np.int8)
        >>> unpack(pack(vectors, "int3"), 3, "int3").tolist()
        [[127, -45, 14], [-14, -127, 79]]
    """
    if dtype == "int4":
        words = _PAIRS.take(packed)
    else:
        first, middle, last = packed.reshape(-1, 3).T.astype(np.uint16)
        words = _FOURS.take(np.stack([first << 4 | middle >> 4, (middle & 15) << 8 | last], axis=1))
    every = words.ravel().view(np.int8).reshape(-1, _codes(dimension, dtype))
    return np.ascontiguousarray(every[:, :dimension])
