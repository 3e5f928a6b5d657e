"""Entries: questions, answers and vectors in one SQLite file, or in memory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.concurrency.forked import ForkedLock
from compositional_rerank.errors import StoreError

_FORMAT = 1
_FLOAT = np.dtype("<f4")
_NO_SCOPE = -2  # no entry has it
_FEW = 100  # scopes without an entry that are remembered
_BUSY_SECONDS = 5.0  # another process writes for a moment only
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
    vector BLOB NOT NULL, stored REAL NOT NULL, used REAL NOT NULL, UNIQUE (scope, question)
)"""

_COLUMNS = {"id", "scope", "question", "answer", "vector", "stored", "used"}

Floats32 = NDArray[np.float32]
_inherited: list[sqlite3.Connection] = []  # a child must neither use nor close its parent's


class Entry(NamedTuple):
    """One answer, and how close its question's vector is to the one that was looked for."""

    id: int
    question: str
    answer: str
    similarity: float


class Entries:
    """A bounded table of answers, each found by its question's vector. Safe to share between threads.

    The vectors are also held in memory, where they are compared. Other processes may use the same file: what
    they add and drop is seen at the next call.

    Args:
        path: of the file; None is memory.
        max_entries: how many are kept, at least 1; the least recently used are dropped.
        ttl: seconds after which an answer counts no more; None is never.

    Raises:
        StoreError: the file cannot be opened, or is none of ours.
    """

    def __init__(self, path: str | None, max_entries: int, ttl: float | None) -> None:
        self.path = path
        self.max_entries = max_entries
        self.ttl = float("inf") if ttl is None else ttl
        self._lock = ForkedLock()
        self._connect()

    def __len__(self) -> int:
        with self._lock:
            self._refresh()
            return len(self._slots)

    def add(self, scope: str, question: str, answer: str, vector: Floats32, now: float) -> None:
        """Keep an answer in place of that of the same question, and drop what is old or too much."""
        with self._lock:
            self._refresh()
            values = (scope, question, answer, _bytes(vector), now, now)
            columns = "scope, question, answer, vector, stored, used"
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.execute(
                    f"INSERT OR REPLACE INTO answers ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values
                )
                self._database.execute("DELETE FROM answers WHERE stored <= ?", (now - self.ttl,))
                self._database.execute(
                    "DELETE FROM answers WHERE id IN (SELECT id FROM answers ORDER BY used DESC, id DESC "
                    "LIMIT -1 OFFSET ?)",
                    (self.max_entries,),
                )
            self._mirror()

    def exact(self, scope: str, question: str, now: float) -> Entry | None:
        """The entry of the very same text; None if there is none, or it is too old."""
        with self._lock:
            self._refresh()
            row = self._database.execute(
                "SELECT id, question, answer FROM answers WHERE scope = ? AND question = ? AND stored > ?",
                (scope, question, now - self.ttl),
            ).fetchone()
            if row is None:
                return None
            number, cached, answer = row
            return Entry(number, cached, answer, 1.0)

    def nearest(self, scope: str, vector: Floats32, most: int, least: float, now: float) -> list[Entry]:
        """At most ``most`` entries whose cosine with a vector is at least ``least``, the closest first.

        Args:
            scope: entries of another one are not looked at.
            vector: float32 ``[d]``, L2-normalised.
            most: how many, at least 1.
            least: in [-1, 1].
            now: seconds since the epoch; what was stored ``ttl`` seconds before is not looked at.
        """
        with self._lock:
            self._refresh()
            if not self._slots or self._vectors.shape[1] != len(vector):
                return []
            fits = (self._scopes == self._numbers.get(scope, _NO_SCOPE)) & (self._stored > now - self.ttl)
            cosines = np.where(fits, self._vectors @ vector, -np.inf)
            best = np.argsort(-cosines, kind="stable")[:most]
            close = {int(self._ids[slot]): float(cosines[slot]) for slot in best if cosines[slot] >= least}
            query = f"SELECT id, question, answer FROM answers WHERE id IN ({','.join('?' * len(close))})"
            rows = self._database.execute(query, list(close))
            found = {
                number: Entry(number, question, answer, close[number]) for number, question, answer in rows
            }
            return [found[number] for number in close if number in found]

    def touch(self, entry: Entry, now: float) -> None:
        """Note that an entry was used."""
        with self._lock:
            self._database.execute("UPDATE answers SET used = ? WHERE id = ?", (now, entry.id))

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._refresh()
            self._database.execute("DELETE FROM answers")
            self._mirror()

    def sample(self) -> tuple[str, Floats32] | None:
        """The newest question with its vector; None if there is none."""
        with self._lock:
            self._refresh()
            row = self._database.execute(
                "SELECT question, vector FROM answers ORDER BY id DESC LIMIT 1"
            ).fetchone()
            return None if row is None else (row[0], np.frombuffer(row[1], dtype=_FLOAT))

    def embed_again(self, embed: Callable[[list[str]], Floats32]) -> None:
        """Replace all vectors. The entries get new numbers, so that other processes see that they changed."""
        with self._lock:
            rows = self._database.execute("SELECT id, question FROM answers").fetchall()
            vectors = embed([row[1] for row in rows])
            changed = [(_bytes(vector), row[0]) for row, vector in zip(rows, vectors, strict=True)]
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(  # what another process dropped or replaced meanwhile stays so
                    "INSERT OR REPLACE INTO answers (scope, question, answer, stored, used, vector) "
                    "SELECT scope, question, answer, stored, used, ? FROM answers WHERE id = ?",
                    changed,
                )
            self._mirror()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._process == os.getpid():
                self._database.close()
            else:
                _inherited.append(self._database)

    def _connect(self) -> None:
        where = ":memory:" if self.path is None else self.path
        try:
            if self.path is not None:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                where, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare()
            self._begin()
        except StoreError:
            raise
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{where} cannot be used as a cache: {error}; pass another path") from error

    def _begin(self) -> None:
        """Read the table into arrays."""
        self._process = os.getpid()
        self._ids = np.zeros(0, dtype=np.int64)
        self._scopes = np.zeros(0, dtype=np.int64)
        self._stored = np.zeros(0, dtype=np.float64)
        self._vectors = np.zeros((0, 0), dtype=np.float32)
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._numbers: dict[str, int] = {}
        self._next = count()
        self._last = 0
        self._mirror()

    def _prepare(self) -> None:
        """Make the table, unless it is there; nothing is done to a file of something else."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")  # another process may be making it
            [found] = self._database.execute("PRAGMA user_version").fetchone()
            [tables] = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            columns = {row[1] for row in self._database.execute("PRAGMA table_info(answers)")}
            # others' files may have that number, too
            if (tables and (found != _FORMAT or columns != _COLUMNS)) or (found and not tables):
                raise StoreError(
                    f"{self.path} is no cache of format {_FORMAT}: pass another path, or one of no file yet"
                )
            self._database.execute(_TABLE)
            self._database.execute(f"PRAGMA user_version = {_FORMAT}")
        with suppress(sqlite3.OperationalError):  # busy; the process that is at work there does it
            self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")

    def _refresh(self) -> None:
        """See what other processes did; after a fork open the file anew."""
        if self.path is None:
            return
        if self._process != os.getpid():
            _inherited.append(self._database)
            self._connect()
        elif self._version() != self._seen:
            self._mirror()

    def _version(self) -> int:
        """Changes with every write of another connection."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def _mirror(self) -> None:
        """Bring the arrays in memory to what the table holds."""
        self._seen = self._version()
        there = {row[0] for row in self._database.execute("SELECT id FROM answers")}
        for gone in self._slots.keys() - there:
            slot = self._slots.pop(gone)
            self._scopes[slot] = -1
            self._free.append(slot)
        if len(self._numbers) > 2 * len(self._slots) + _FEW:
            used = set(self._scopes[list(self._slots.values())].tolist())
            self._numbers = {scope: number for scope, number in self._numbers.items() if number in used}
        query = "SELECT id, scope, vector, stored FROM answers WHERE id > ? ORDER BY id"
        for number, scope, blob, stored in self._database.execute(query, (self._last,)):
            vector = np.frombuffer(blob, dtype=_FLOAT)
            if not self._slots and self._vectors.shape[1] != len(vector):
                self._vectors = np.zeros((len(self._ids), len(vector)), dtype=np.float32)
            if self._vectors.shape[1] == len(vector):
                slot = self._slot()
                self._ids[slot], self._scopes[slot], self._stored[slot] = number, self._number(scope), stored
                self._vectors[slot] = vector
                self._slots[number] = slot
            self._last = max(self._last, number)

    def _slot(self) -> int:
        """A free place in the arrays, which double where there is none."""
        if not self._free:
            old = len(self._ids)
            more = max(16, old)
            self._ids = np.pad(self._ids, (0, more))
            self._scopes = np.pad(self._scopes, (0, more), constant_values=-1)
            self._stored = np.pad(self._stored, (0, more))
            self._vectors = np.pad(self._vectors, ((0, more), (0, 0)))
            self._free.extend(range(old + more - 1, old - 1, -1))
        return self._free.pop()

    def _number(self, scope: str) -> int:
        return self._numbers.setdefault(scope, next(self._next))


def _bytes(vector: Floats32) -> bytes:
    return vector.astype(_FLOAT).tobytes()
