"""FileStore: token vectors in a folder, shared by processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from compositional_rerank._files import absolute
from compositional_rerank.concurrency.forked import ForkedLock
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError, StoreError
from compositional_rerank.store.compaction import copy_records
from compositional_rerank.store.folder import Folder, Meta, append
from compositional_rerank.store.index import RECORD, Index, Records, key_words, parse, seal
from compositional_rerank.store.layout import Layout
from compositional_rerank.store.quantise import check_dtype
from compositional_rerank.store.reader import Reader


@dataclass(frozen=True)
class _State:
    """What one process knows of the store; replaced as a whole, so that threads read it without a lock."""

    meta: Meta
    data: Reader
    index: Index
    index_file: Reader
    index_size: int  # of that file when it was last read
    read: int  # its records that were read, up to the last good one
    end: int  # where the next passage goes in the data file


class FileStore:
    """Keeps token vectors in a folder that several processes read and write.

    Passages are appended to one file and found through an index that is kept in memory (56 bytes a passage).
    A passage is on the disk before the index names it: what `put` returned from survives a crash, and what a
    crash cut short is overwritten. Every passage has a checksum; a damaged one counts as missing, with a
    warning. Writers take turns. It needs a local folder and a POSIX system (on Windows: WSL).

    Args:
        path: the folder; made where it is missing.
        dtype: float32, float16, int8, int4 or int3. None is what the store has, int8 for a new one.
        max_passage_bytes: passages that would take more are not kept, with one warning, and are encoded at
            every query.
        read_only: whether `put` keeps nothing; None: where the folder cannot be written to.

    Raises:
        InputError: an argument cannot be used.
        StoreError: the folder holds other files, another dtype or a newer format, or cannot be made.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with FileStore(folder) as store:
        ...     print(len(store), store.dtype)
        0 int8
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        dtype: str | None = None,
        *,
        max_passage_bytes: int = 16 << 20,
        read_only: bool | None = None,
    ) -> None:
        if not hasattr(os, "preadv"):
            raise StoreError("FileStore needs a POSIX system (os.preadv is missing): use WSL or MemoryStore")
        if isinstance(max_passage_bytes, bool) or not isinstance(max_passage_bytes, int):
            raise InputError(f"max_passage_bytes must be an int, got {max_passage_bytes!r}")
        if not 1 <= max_passage_bytes < 1 << 32:
            raise InputError(f"max_passage_bytes must be from 1 to 2**32 - 1, got {max_passage_bytes}")
        if dtype is not None:
            check_dtype(dtype)
        self.path = Path(absolute(path))
        self.max_passage_bytes = max_passage_bytes
        self._folder = Folder(self.path)
        self._lock = ForkedLock()  # of the state, held for moments
        self._writing = ForkedLock()  # of who writes, or waits for another process that does
        self._told_of_length = False
        meta = self._folder.read_meta()
        if meta is None:
            if read_only:
                raise StoreError(f"{self.path} holds no token store: open it without read_only to make one")
            self._folder.create(Meta(dtype or "int8"))
        self._state: _State | None = self._load(None)
        self.dtype = self._state.meta.dtype
        if dtype not in (None, self.dtype):
            raise StoreError(
                f"store {self.path} has dtype {self.dtype}, not {dtype}: leave dtype out, or use a new folder"
            )
        self.read_only = not os.access(self.path, os.W_OK) if read_only is None else read_only

    def __enter__(self) -> FileStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of passages."""
        return len(self._fresh().index)

    @property
    def nbytes(self) -> int:
        """Bytes on the disk, those of replaced passages included."""
        state = self._fresh()
        return state.end + state.index_size

    def describe(self) -> dict[str, Any]:
        """What the store holds: path, dtype, dimension (None while it is empty), passages and bytes."""
        state = self._fresh()
        return {
            "path": str(self.path),
            "dtype": self.dtype,
            "dimension": state.meta.dimension or None,
            "passages": len(state.index),
            "bytes": state.end + state.index_size,
            "read_only": self.read_only,
        }

    def close(self) -> None:
        """Release the files; what came out of the store stays usable."""
        with self._lock:
            self._state = None

    def get(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
        """The entries of the keys, in their order; None where there is none, or a damaged one."""
        state = self._fresh()
        if not keys or len(state.index) == 0:
            return [None] * len(keys)
        found, records = state.index.find(key_words(keys))
        result: list[EncodedText | None] = [None] * len(keys)
        places = np.flatnonzero(found)
        if len(places) == 0:
            return result
        entries = state.data.entries(state.meta.layout, records.take(places))
        for place, entry in zip(places.tolist(), entries, strict=True):
            result[place] = entry
        if None in entries:
            self._warn(f"{entries.count(None)} passages are damaged")
        return result

    def holds(self, keys: Sequence[bytes]) -> list[bool]:
        """Whether the index has each key; the passages are not read, so a damaged one counts, too."""
        return list(self._fresh().index.find(key_words(keys))[0].tolist())

    def put(self, entries: Mapping[bytes, EncodedText]) -> None:
        """Keep entries; when it returns, they are on the disk. A store that is read only keeps none.

        Raises:
            StoreError: the disk is full, the vectors have another dimension than the store's, another writer
                does not end, or there are no locks. Nothing of the entries is kept then.
        """
        if self.read_only or not entries:
            return
        words = key_words(list(entries))
        one = next(iter(entries.values()))
        layout = Layout(self.dtype, one.vectors.shape[1], len(one.pooled))
        packed = [layout.pack(entry) for entry in entries.values()]
        kept = [place for place, content in enumerate(packed) if len(content) <= self.max_passage_bytes]
        if len(kept) < len(packed) and not self._told_of_length:
            self._told_of_length = True
            warnings.warn(
                f"a passage takes {max(map(len, packed))} bytes, the store's max_passage_bytes is "
                f"{self.max_passage_bytes}: such passages are not kept and are encoded at every query",
                stacklevel=2,
            )
        tokens = [len(entry.vectors) for entry in entries.values()]
        records = np.zeros(len(kept), RECORD)
        records["key"] = words[kept]
        records["tokens"] = [tokens[place] for place in kept]
        records["size"] = [len(packed[place]) for place in kept]
        records["checksum"] = [layout.checksum(int(words[place, 1]), packed[place]) for place in kept]
        with self._writing, self._folder.locked(), self._lock:
            state = self._state = self._load(self._fresh())
            self._append(state, layout, [packed[place] for place in kept], records)
            self._state = self._load(self._state)

    def compact(self) -> int:
        """Write the store anew without replaced and damaged passages; readers go on meanwhile.

        Returns:
            Bytes that it takes less.

        Raises:
            StoreError: the disk cannot hold the new files beside the old ones; the store is as it was.
        """
        if self.read_only:
            raise StoreError(f"store {self.path} is read only: compact it where it can be written to")
        with self._writing, self._folder.locked():
            state = self._load(self._fresh())
            new = replace(state.meta, generation=state.meta.generation + 1)
            files = (self._folder.data(new), self._folder.index(new))
            try:
                copy_records(state.data, state.meta.layout, state.index.live(), *files)
                self._folder.sync()
                self._folder.write_meta(new)
            except OSError as error:
                for file in files if self._folder.read_meta() == state.meta else ():
                    file.unlink(missing_ok=True)
                raise StoreError(f"store {self.path} was not compacted: {error.strerror or error}") from error
            with self._lock:
                self._state = self._load(None)
            for pattern in ("vectors-*.bin", "index-*.bin"):  # and what a compaction left that was cut short
                for file in set(self.path.glob(pattern)) - set(files):
                    file.unlink(missing_ok=True)
            return state.end + state.index_size - self.nbytes

    def _fresh(self) -> _State:
        """The state, after a look whether another process or thread has written."""
        state = self._state
        if state is None:
            raise StoreError(f"store {self.path} is closed: open it again")
        if state.index_file.size() == state.index_size:
            return state
        with self._lock:
            self._state = self._load(state)
            return self._state

    def _load(self, state: _State | None) -> _State:
        """The state after reading what the index file got since ``state``; from the start for None."""
        for _ in range(100):  # a compaction may take the files away between two steps, but not for long
            meta = self._folder.read_meta()
            if meta is None:
                raise StoreError(f"store {self.path} is gone: meta.json was removed")
            try:
                if state is None or state.meta.generation != meta.generation:
                    files = Reader(self._folder.data(meta)), Reader(self._folder.index(meta))
                    state = _State(meta, files[0], Index(), files[1], 0, 0, 0)
                start = state.read * RECORD.itemsize
                if state.index_file.size() < start:  # removed, or a failed write was taken back
                    state = None
                    continue
                content = state.index_file.tail(start)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"store {self.path} cannot be read: {error.strerror or error}") from error
            records, read, damaged = parse(content)
            if len(records) and not meta.dimension:
                continue  # the first passage came after meta.json was read
            if damaged:
                self._warn(f"{damaged} records of its index are damaged")
            there = records[state.data.holds(records)]
            ends = there["start"] + there["size"]
            return replace(
                state,
                meta=meta,
                index=state.index.with_records(records) if len(records) else state.index,
                index_size=start + len(content),
                read=state.read + read,
                end=max(state.end, int(ends.max(initial=0))),
            )
        raise StoreError(f"store {self.path} lacks files that its meta.json names: delete the folder")

    def _append(self, state: _State, layout: Layout, packed: list[bytes], records: Records) -> None:
        """Bring passages to the disk, then their records; on an error neither."""
        meta = replace(state.meta, dimension=layout.dimension, pooled=layout.pooled)
        if state.meta.dimension and state.meta != meta:
            raise StoreError(
                f"store {self.path} holds token vectors of {state.meta.dimension} components (pooled: "
                f"{state.meta.pooled}), these have {layout.dimension} (pooled: {layout.pooled}), as another "
                "model's have: use another folder"
            )
        sizes = records["size"].astype(np.uint64)
        records["start"] = np.uint64(state.end) + np.cumsum(sizes) - sizes
        written = state.read * RECORD.itemsize
        try:
            if state.meta != meta:
                self._folder.write_meta(meta)
            append(self._folder.data(meta), b"".join(packed), state.end)
            append(self._folder.index(meta), seal(records).tobytes(), written)
        except OSError as error:
            for path, size in ((self._folder.index(meta), written), (self._folder.data(meta), state.end)):
                with suppress(OSError):
                    os.truncate(path, size)
            raise StoreError(
                f"store {self.path}: {error.strerror or error}; none of these {len(packed)} passages was "
                "kept, those before are whole: free some space, or use another folder"
            ) from error

    def _warn(self, what: str) -> None:
        warnings.warn(
            f"store {self.path}: {what}; they count as missing and are encoded again (compact() drops them)",
            RuntimeWarning,
            stacklevel=4,
        )
