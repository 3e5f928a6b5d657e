"""Work that somebody may stop waiting for: it ends at its next step, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from threading import Event, Thread
from typing import TypeVar

from compositional_rerank.errors import DeadlineError

_Result = TypeVar("_Result")
_POLL = 0.02  # seconds between two looks whether work that waits was given up

_given_up: ContextVar[tuple[Event, ...]] = ContextVar("given_up", default=())


class GivenUpError(Exception):
    """Ends work whose result nobody waits for any more; no caller of the library sees it."""


def step() -> None:
    """Called between two steps of long work, such as batches: ends it where nobody waits for it any more."""
    if any(event.is_set() for event in _given_up.get()):
        raise GivenUpError


@contextmanager
def ended_by(*events: Event) -> Iterator[None]:
    """What this thread does meanwhile ends at its next step once one of the events is set; of none: never."""
    token = _given_up.set(events)
    try:
        yield
    finally:
        _given_up.reset(token)


def wait_for(ready: Callable[[float | None], bool]) -> None:
    """Wait until ``ready(seconds)``, which blocks for at most so long, says yes; a step all the while."""
    if not _given_up.get():
        ready(None)
        return
    step()
    while not ready(_POLL):
        step()


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """The result of work that may take so many seconds, in a thread of its own.

    Raises:
        DeadlineError: it took longer; it ends at its next step.

    Example:
        >>> within(10, lambda: 3)
        3
    """
    event, future = Event(), Future[_Result]()

    def run() -> None:
        _given_up.set((*_given_up.get(), event))
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=copy_context().run, args=(run,), name="compositional-rerank").start()
    try:
        if wait([future], seconds).done:
            return future.result()
    finally:  # also where Ctrl-C ends the waiting
        event.set()
    raise too_late(seconds)


def too_late(seconds: float) -> DeadlineError:
    """The error of a deadline that came before the result."""
    return DeadlineError(
        f"no result within timeout={seconds:g} s: pass a longer one, fewer passages, or passages that are in "
        "the store (warm them); on_timeout='keep' returns the candidates as they came in"
    )


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """The result of work in a thread of the event loop's pool; cancelled, it ends at its next step."""
    event = Event()

    def run() -> _Result:
        _given_up.set((*_given_up.get(), event))
        step()
        return work()

    try:
        return await asyncio.to_thread(run)
    finally:
        event.set()
