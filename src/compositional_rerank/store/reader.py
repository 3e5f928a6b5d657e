"""Reading many passages of the data file: what is in memory at once, the rest side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.store.index import Records
from compositional_rerank.store.layout import Batch, Layout

_NOWAIT = getattr(os, "RWF_NOWAIT", 0)  # Linux: read what is in memory, fail where the disk is needed


class Reader:
    """An open data file. It is closed with its last user, so that a compaction takes nothing from a reader.

    It reads into buffers: on fresh pages of a large file that was faster than a map, whose page faults cost
    more than the copy, and a file that shrinks is a short read, not a crash.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_RANDOM)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # at exit the module may be gone
        if hasattr(self, "_descriptor"):
            close(self._descriptor)

    def size(self) -> int:
        """Bytes of the file; -1 when it was removed, as a compaction does with the file that it replaces."""
        status = os.fstat(self._descriptor)
        return status.st_size if status.st_nlink else -1

    def tail(self, start: int) -> bytes:
        """What the file holds from a place on."""
        parts, end = [], self.size()
        while start < end and (part := os.pread(self._descriptor, end - start, start)):  # 2 GiB at most
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def holds(self, records: Records) -> NDArray[np.bool_]:
        """Which records point at bytes that the file has, bool ``[n]``; a damaged one may point anywhere."""
        size = np.uint64(os.fstat(self._descriptor).st_size)
        starts, sizes = records["start"], records["size"].astype(np.uint64)
        return np.asarray((starts <= size) & (sizes <= size - np.minimum(starts, size)), np.bool_)

    def entries(self, layout: Layout, records: Records) -> list[EncodedText | None]:
        """The entries that index records point at; None for one that is damaged, or none of an encoder's."""
        tokens, sizes = records["tokens"].astype(np.int64), records["size"].astype(np.int64)
        whole = ((sizes >= layout.least_bytes(tokens)) & self.holds(records)).tolist()
        if all(whole):
            batch = Batch(layout, tokens, sizes)
            whole = self._fill(layout, records, batch.views)
            whole = batch.sound() if all(whole) else whole
            if all(whole):
                return list(batch.entries())
        good = iter(self.entries(layout, records[np.array(whole)]) if any(whole) else [])
        return [next(good) if is_whole else None for is_whole in whole]

    def contents(self, layout: Layout, records: Records) -> list[bytes | None]:
        """The bytes that index records point at; None for those that are damaged."""
        held = self.holds(records)
        buffers = [bytearray(size) for size in records["size"][held].tolist()]
        whole = self._fill(layout, records[held], [memoryview(buffer) for buffer in buffers])
        good = iter([bytes(one) if is_whole else None for is_whole, one in zip(whole, buffers, strict=True)])
        return [next(good) if is_held else None for is_held in held.tolist()]

    def _fill(self, layout: Layout, records: Records, buffers: Sequence[memoryview]) -> list[bool]:
        """Read passages into their buffers; whether each came whole and has its checksum.

        What is in memory is read at once. At the first that is not, all that are left are asked for together,
        so that the disk works on them side by side.
        """
        starts, sizes = records["start"].tolist(), records["size"].tolist()
        salts, checksums = records["key"][:, 1].tolist(), records["checksum"].tolist()
        whole, flags, descriptor = [], _NOWAIT, self._descriptor
        rows = zip(buffers, starts, sizes, salts, checksums, strict=True)
        for place, (buffer, start, size, salt, checksum) in enumerate(rows):
            got = _read(descriptor, buffer, start, flags)
            if got != size and flags:
                flags = 0
                for left in range(place, len(starts)):
                    os.posix_fadvise(descriptor, starts[left], sizes[left], os.POSIX_FADV_WILLNEED)
                got = _read(descriptor, buffer, start, flags)
            # at once, while the bytes are in the processor's cache
            whole.append(got == size and layout.checksum(salt, buffer) == checksum)
        return whole


def _read(descriptor: int, buffer: memoryview, start: int, flags: int) -> int:
    try:
        return os.preadv(descriptor, [buffer], start, flags)
    except OSError:
        return -1  # not in memory; or not readable at all, which an attempt that may wait shows again
