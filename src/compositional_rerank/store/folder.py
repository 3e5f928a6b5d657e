"""The files of a file store: its description, its lock, and writes that reach the disk."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from compositional_rerank.errors import StoreError
from compositional_rerank.store.layout import Layout
from compositional_rerank.store.quantise import check_dtype

FORMAT = 1
LOCK_SECONDS = 60.0  # how long a writer waits for another one
_LONGEST = 1 << 20  # components of a vector
_META = "meta.json"
_LOCK = "lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


@dataclass(frozen=True)
class Meta:
    """What meta.json says.

    Args:
        dtype: precision of the entries.
        dimension: of the token vectors; 0 until the first passage.
        pooled: components of the pooled vectors; 0 until the first passage.
        generation: number in the names of the data and index file; each compaction writes the next.
        format: version of all the files.
    """

    dtype: str
    dimension: int = 0
    pooled: int = 0
    generation: int = 1
    format: int = FORMAT

    def check(self) -> None:
        """Raise `ValueError` unless the values are such as a store writes."""
        check_dtype(self.dtype)
        limits = {"dimension": _LONGEST, "pooled": _LONGEST, "generation": 1 << 62, "format": FORMAT}
        for name, most in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                raise ValueError(f"{name} is {value!r:.40}, not an integer from 0 to {most}")

    @property
    def layout(self) -> Layout:
        """How passages are written."""
        return Layout(self.dtype, self.dimension, self.pooled)


class Folder:
    """The folder of a file store.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def data(self, meta: Meta) -> Path:
        """The file of all passages' bytes, end to end."""
        return self.path / f"vectors-{meta.generation}.bin"

    def index(self, meta: Meta) -> Path:
        """The file of the index records."""
        return self.path / f"index-{meta.generation}.bin"

    def read_meta(self) -> Meta | None:
        """The description; None where there is none.

        Raises:
            StoreError: it is damaged or of a newer format.
        """
        place = self.path / _META
        try:
            values = json.loads(place.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise StoreError(
                f"{place} cannot be read ({error}): restore it, or delete the folder and warm it again"
            ) from error
        version = values.get("format") if isinstance(values, dict) else None
        if type(version) is int and version > FORMAT:
            raise StoreError(
                f"{self.path} has store format {version}, this version reads up to {FORMAT}: upgrade "
                "compositional-rerank, or warm another folder"
            )
        try:
            if version is None:
                raise ValueError("it names no format")
            meta = Meta(**values)
            meta.check()
        except (TypeError, ValueError) as error:
            raise StoreError(f"{place} is damaged ({error}): delete the folder and warm it again") from error
        return meta

    def write_meta(self, meta: Meta) -> None:
        """Replace the description, whole or not at all."""
        draft = self.path / f"{_META}.part"
        content = json.dumps(asdict(meta), indent=2).encode() + b"\n"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            write_at(descriptor, content, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(draft, self.path / _META)
        self.sync()

    def create(self, meta: Meta) -> None:
        """Make the folder a store, unless it is one."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            strange = sorted(file.name for file in self.path.iterdir() if not _ours(file.name))
        except OSError as error:
            raise StoreError(
                f"store {self.path} cannot be made: {error.strerror or error}; choose another folder"
            ) from error
        if strange:
            raise StoreError(
                f"{self.path} is no token store and holds other files ({strange[0]!r}): choose an empty or "
                "new folder"
            )
        with self.locked():
            if self.read_meta() is not None:
                return
            try:
                for file in (self.data(meta), self.index(meta)):
                    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o666))
                self.write_meta(meta)
            except OSError as error:
                raise StoreError(f"store {self.path} cannot be made: {error.strerror or error}") from error

    def sync(self) -> None:
        """Bring the names of the files to the disk."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store's lock, which no other process or thread holds meanwhile; a crash frees it.

        Raises:
            StoreError: another writer kept it for a minute, or the file system has no locks.
        """
        import fcntl

        # opened anew each time: a process forked from this one would share the lock of an open one
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise StoreError(
                f"store {self.path} cannot be written to ({error.strerror or error}): restore the folder, or "
                "open another store"
            ) from error
        try:
            give_up = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise StoreError(
                            f"store {self.path} has been locked by another writer for {LOCK_SECONDS:.0f} s: "
                            "wait until it is done, or stop it"
                        ) from None
                    time.sleep(0.01)
                except OSError as error:
                    if error.errno not in _NO_LOCKS:
                        raise
                    raise StoreError(
                        f"store {self.path} is on a file system without locks ({error.strerror}), as network "
                        "folders can be: use a local folder, or open it with read_only=True"
                    ) from error
            yield
        finally:
            os.close(descriptor)


def _ours(name: str) -> bool:
    return name.startswith((_META, "vectors-", "index-")) or name == _LOCK


def write_at(descriptor: int, content: bytes | memoryview, start: int) -> None:
    """Write all of it at a place of a file."""
    left = memoryview(content)
    while left:
        written = os.pwrite(descriptor, left, start)
        left, start = left[written:], start + written


def append(path: Path, content: bytes, start: int) -> None:
    """Bring bytes to the disk at a place of a file, in place of whatever an unfinished write left there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_size > start:
            os.ftruncate(descriptor, start)
        write_at(descriptor, content, start)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
