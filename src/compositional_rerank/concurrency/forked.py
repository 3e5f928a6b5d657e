"""A lock that is free in a forked child, whoever held it in the parent."""

from __future__ import annotations

import os
from threading import RLock
from types import TracebackType
from weakref import WeakSet


class ForkedLock:
    """A reentrant lock. A child process lacks the parent's other threads: none of them would let go of it.

    Example:
        >>> lock = ForkedLock()
        >>> with lock, lock:
        ...     print("held")
        held
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._held: list[RLock] = []  # who forks inside of it lets go of what it took
        _locks.add(self)

    def __enter__(self) -> None:
        lock = self._lock
        lock.acquire()
        self._held.append(lock)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.pop().release()

    def reset(self) -> None:
        """Be free: for a child process."""
        self._lock = RLock()


_locks: WeakSet[ForkedLock] = WeakSet()


def _reset_all() -> None:
    for lock in list(_locks):
        lock.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
