"""Turns at the processor: threads that serve requests do not all compute at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

import torch

from compositional_rerank.concurrency.deadline import step, wait_for


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Turns:
    """At most so many threads compute at once that their own threads, torch's, find a core each.

    How many that are is looked up at every turn: ``torch.set_num_threads`` may be called at any time.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget who has a turn: in a forked process those threads are not there."""
        self._free = Condition()
        self._busy = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Compute one batch. It holds no lock and waits for nobody meanwhile, so that turns always end."""
        step()
        most = max(1, cores() // torch.get_num_threads())
        with self._free:
            wait_for(lambda seconds: self._free.wait_for(lambda: self._busy < most, seconds))
            self._busy += 1
        try:
            yield
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify()


_TURNS = Turns()
turn = _TURNS.turn
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_TURNS.reset)
