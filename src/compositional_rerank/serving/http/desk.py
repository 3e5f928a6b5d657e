"""A bounded queue before a few threads: what is too much is refused, what nobody waits for is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import Request

from compositional_rerank.serving.http import metrics
from compositional_rerank.serving.http.errors import Refused
from compositional_rerank.serving.http.settings import Settings
from compositional_rerank.serving.http.together import Job, working_on

_Answer = TypeVar("_Answer")
_RETRY_AFTER = {"retry-after": "1"}


class Desk:
    """Runs requests' work on threads.

    Args:
        settings: number of threads, length of the queue, time-out.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._room = settings.threads + settings.queue
        self._inside = 0
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="request")

    @property
    def is_full(self) -> bool:
        """Whether the next request would be refused."""
        return self._inside >= self._room

    async def run(self, request: Request, work: Callable[[], _Answer]) -> tuple[_Answer, Job]:
        """Run ``work`` on a thread when its turn comes.

        Returns:
            What it returned, and the job, which knows what was encoded.

        Raises:
            Refused: 429 where the queue is full, 504 after the time-out, 499 where the client has hung up.
        """
        if self.is_full:
            raise Refused(
                429,
                f"{self._inside} requests are being answered or wait, the limit is {self._room}: try again "
                "later, or start the service with more --workers or a longer --queue",
                _RETRY_AFTER,
            )
        job = Job()

        def on_thread() -> _Answer:
            with working_on(job):
                return work()

        loop = asyncio.get_running_loop()
        future: Future[_Answer] = self._pool.submit(on_thread)
        self._count(1)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._count, -1))
        answer = asyncio.wrap_future(future)
        gone = asyncio.ensure_future(request.receive())  # the body is read: what comes is the hang-up
        either: set[asyncio.Future[Any]] = {answer, gone}
        try:
            await asyncio.wait(either, timeout=self._settings.timeout, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result(), job
            if gone.done():
                raise Refused(499, "the client has hung up")
            raise Refused(
                504,
                f"no answer within {self._settings.timeout:g} s, the limit: send fewer or shorter texts, "
                "warm the store, or start the service with a longer --timeout",
            )
        finally:
            gone.cancel()
            job.stop()
            answer.cancel()

    def close(self) -> None:
        """Wait until the threads are done."""
        self._pool.shutdown()

    def _count(self, change: int) -> None:
        self._inside += change
        metrics.INSIDE.set(self._inside)
