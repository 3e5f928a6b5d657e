from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from threading import Event

import pytest

from compositional_rerank.concurrency.deadline import in_thread, step, wait_for, within
from compositional_rerank.errors import DeadlineError


class Endless:
    """Work that only a step can end."""

    def __init__(self) -> None:
        self.started, self.ended = Event(), Event()

    def __call__(self) -> None:
        self.started.set()
        try:
            while True:
                step()
                time.sleep(0.001)
        finally:
            self.ended.set()


def test_work_in_time_gives_its_result_or_its_error() -> None:
    assert within(60, lambda: 3) == 3
    with pytest.raises(ValueError, match="planned"):
        within(60, lambda: int("planned"))
    with pytest.raises(TimeoutError, match="its own"):
        within(60, raise_timeout)


def raise_timeout() -> None:
    raise TimeoutError("its own")


def test_late_work_is_an_error_and_ends() -> None:
    work = Endless()
    with pytest.raises(DeadlineError, match=r"no result within timeout=0\.05 s.*on_timeout='keep'"):
        within(0.05, work)
    assert work.ended.wait(60)


def test_it_sees_the_callers_context() -> None:
    variable: ContextVar[int] = ContextVar("variable")
    variable.set(7)
    assert within(60, variable.get) == 7


def test_steps_of_work_that_is_waited_for_do_nothing() -> None:
    step()
    wait_for(lambda seconds: True)
    assert within(60, step) is None


async def test_a_task_that_is_cancelled_ends_its_work() -> None:
    work = Endless()
    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(work.started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(work.ended.wait, 60)


async def test_a_cancelled_task_ends_what_waits_within_it() -> None:
    """A deadline in the thread of a task: two threads, both of which end."""
    work = Endless()
    task = asyncio.create_task(in_thread(lambda: within(600, work)))
    await asyncio.to_thread(work.started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(work.ended.wait, 60)


def test_waiting_ends_when_given_up() -> None:
    never, ended = Event(), Event()

    def work() -> None:
        try:
            wait_for(never.wait)
        finally:
            ended.set()

    with pytest.raises(DeadlineError):
        within(0.05, work)
    assert ended.wait(60)
    names = [thread.name for thread in threading.enumerate()]
    deadline = time.monotonic() + 60
    while "compositional-rerank" in names and time.monotonic() < deadline:
        time.sleep(0.01)
        names = [thread.name for thread in threading.enumerate()]
    assert "compositional-rerank" not in names
