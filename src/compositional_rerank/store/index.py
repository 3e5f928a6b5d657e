"""The index of a file store: fixed records, appended to a file and sorted by key in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.errors import InputError

Records = NDArray[np.void]

RECORD = np.dtype(
    [
        ("key", "<u8", (2,)),  # the first 16 bytes of the passage's key
        ("start", "<u8"),  # where its bytes are in the data file
        ("tokens", "<u4"),
        ("size", "<u4"),
        ("checksum", "<u8"),  # of its bytes and its key
        ("check", "<u8"),  # of this record
    ]
)
KEY_BYTES = 32
_BLOCK = 32
_RECENT = 1 << 16  # records from which the recent ones are merged into the others


def seal(records: Records) -> Records:
    """The records with their own check filled in."""
    records["check"] = _check(records)
    return records


def _check(records: Records) -> NDArray[np.uint64]:
    """FNV-1a over a record's words: tells a written record from a torn or damaged one."""
    words = records.view("<u8").reshape(-1, RECORD.itemsize // 8)[:, :-1]
    state = np.full(len(records), 0xCBF29CE484222325, np.uint64)
    for column in words.T:
        state ^= column
        state *= np.uint64(0x100000001B3)
    return state


def parse(content: bytes) -> tuple[Records, int, int]:
    """Records of a piece of the index file.

    Returns:
        The good records in their order; how many records the piece has up to the last good one (what comes
        after it is unfinished); how many of those are damaged.
    """
    records = np.frombuffer(content, RECORD, count=len(content) // RECORD.itemsize)
    good = np.flatnonzero(_check(records) == records["check"])
    read = int(good[-1]) + 1 if len(good) else 0
    return records[good], read, read - len(good)


def key_words(keys: Sequence[bytes]) -> NDArray[np.uint64]:
    """uint64 ``[n, 2]``: what a record holds of each key.

    Raises:
        InputError: a key does not have 32 bytes.
    """
    if not set(map(len, keys)) <= {KEY_BYTES}:
        wrong = next(key for key in keys if len(key) != KEY_BYTES)
        raise InputError(f"a key must have {KEY_BYTES} bytes, got {wrong!r}: use token_key")
    return np.frombuffer(b"".join(keys), "<u8").reshape(len(keys), KEY_BYTES // 8)[:, :2]


class Run:
    """Records sorted by the first word of their key, the last of each.

    Two keys that share those 8 bytes share a place: one passage is then encoded anew at every query.
    """

    def __init__(self, records: Records) -> None:
        words = records["key"][:, 0]
        order = np.argsort(words, kind="stable")
        words = words[order]
        last = np.ones(len(order), np.bool_)
        last[:-1] = words[1:] != words[:-1]
        self.records = records.take(order[last])
        # The words by themselves in blocks, and each block's first apart: a search touches a small array,
        # then one block, not 20 places of a large array.
        words = words[last]
        blocks = -(-len(words) // _BLOCK)
        self._blocks = np.full((blocks, _BLOCK), np.iinfo(np.uint64).max)
        self._blocks.ravel()[: len(words)] = words
        self._fences = np.ascontiguousarray(self._blocks[:, 0])

    def __len__(self) -> int:
        return len(self.records)

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], Records]:
        """Which keys are there, bool ``[n]``, and the record of each (of no meaning where there is none)."""
        if len(self) == 0:
            return np.zeros(len(keys), np.bool_), np.zeros(len(keys), RECORD)
        block = np.maximum(self._fences.searchsorted(keys[:, 0], side="right") - 1, 0)
        place = block * _BLOCK + (self._blocks.take(block, axis=0) < keys[:, :1]).sum(axis=1)
        records = self.records.take(place, mode="clip")
        same = records["key"] == keys
        return same[:, 0] & same[:, 1], records


_NONE = Run(np.empty(0, RECORD))


@dataclass(frozen=True)
class Index:
    """The last record of every passage: a long run, and a short one of those that came lately.

    Args:
        base: the long run.
        recent: the short one, which comes first.
        again: how many of the recent records replace one of the base.

    Example:
        >>> index = Index()
        >>> len(index), index.find(key_words([bytes(32)]))[0].tolist()
        (0, [False])
    """

    base: Run = _NONE
    recent: Run = _NONE
    again: int = 0

    def __len__(self) -> int:
        return len(self.base) + len(self.recent) - self.again

    def with_records(self, records: Records) -> Index:
        """The index after more records; a later one replaces an earlier one of the same key."""
        records = np.concatenate([self.recent.records, records])
        if len(records) > max(_RECENT, len(self.base) // 8):
            return Index(Run(np.concatenate([self.base.records, records])))
        recent = Run(records)
        return Index(self.base, recent, int(self.base.find(recent.records["key"])[0].sum()))

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], Records]:
        """Which keys are there, bool ``[n]``, and the record of each (of no meaning where there is none)."""
        found, records = self.base.find(keys)
        if len(self.recent):
            lately, newer = self.recent.find(keys)
            return found | lately, np.where(lately, newer, records)
        return found, records

    def live(self) -> Records:
        """All of them, in the order of the data file."""
        records = Run(np.concatenate([self.base.records, self.recent.records])).records
        return records[np.argsort(records["start"])]
