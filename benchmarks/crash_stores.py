"""The stores that crash.py hurts: how each is opened and emptied, and how one bit of it is turned over."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from runpy import run_path
from typing import Any, Protocol

from compositional_rerank import FileStore, RedisStore

TESTS = Path(__file__).parents[1] / "tests"


class Place(Protocol):
    """Where a store lies."""

    def open(self) -> Any:
        """A store, as another process would open it."""

    def empty(self) -> None:
        """Take everything away."""

    def tidy(self, store: Any) -> None:
        """What an owner does now and then."""

    def turned(self, number: int, chance: random.Random) -> Any:
        """A context in which one random bit is turned over; afterwards all is as it was."""

    def copied(self) -> Any:
        """A context with a place that may be written to, and holds what this one does."""


class Folder:
    """A folder of this machine."""

    def __init__(self, above: Path) -> None:
        self.path = above / "store"

    def open(self) -> FileStore:
        return FileStore(self.path)

    def empty(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def tidy(self, store: FileStore) -> None:
        store.compact()

    @contextmanager
    def turned(self, number: int, chance: random.Random) -> Iterator[None]:
        # a file is as likely as another: most bits are vectors', and all of them have a checksum
        files = [file for file in sorted(self.path.iterdir()) if file.stat().st_size]
        file = files[number % len(files)]
        content = file.read_bytes()
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        yield
        for other in self.path.iterdir():
            if other not in files and other.suffix == ".bin":
                other.unlink()
        file.write_bytes(content)

    @contextmanager
    def copied(self) -> Iterator[Folder]:
        with tempfile.TemporaryDirectory() as name:
            shutil.copytree(self.path, Path(name) / "store")
            yield Folder(Path(name))


class Server:
    """A Redis server, the one that the tests start: with a password, on a free port of this machine."""

    def __init__(self, program: str, folder: Path) -> None:
        start: Callable[..., Any] = run_path(str(TESTS / "conftest.py"))["RedisServer"]
        self._server = start(program, folder)
        self._server.start()
        self._client = self._server.client()
        self.stop: Callable[[], None] = self._server.stop

    def open(self) -> RedisStore:
        return RedisStore(self._server.url(timeout=60))  # a busy machine is no failure

    def empty(self) -> None:
        self._client.flushall()

    def tidy(self, store: RedisStore) -> None:
        pass

    @contextmanager
    def turned(self, number: int, chance: random.Random) -> Iterator[None]:
        names = sorted(name for name in self._client.scan_iter() if self._client.type(name) == b"string")
        name = names[chance.randrange(len(names))]
        content = self._client.get(name)
        place = chance.randrange(8 * len(content))
        self._client.setbit(name, place, 1 - self._client.getbit(name, place))
        yield
        self._client.set(name, content)

    @contextmanager
    def copied(self) -> Iterator[Server]:
        yield self  # what is written again is what was there
