"""Start a service, in this process or in several that it watches; what can be checked is checked before.

Each worker has a listening socket of its own on the one port (SO_REUSEPORT): the kernel deals connections out
among those that have loaded the model, and none waits in a queue that nobody reads when they stop.
"""

from __future__ import annotations

import copy
import logging
import logging.config
import math
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from threading import Event, Thread, Timer
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from compositional_rerank.backends.freed_memory import return_freed_memory
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.concurrency.turns import cores
from compositional_rerank.errors import CompositionalRerankError, InputError
from compositional_rerank.serving.http import metrics
from compositional_rerank.serving.http.settings import Settings
from compositional_rerank.store.url import PASSWORD_VARIABLE, StoreUrl

COULD_NOT_START = 3
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""
_KEEP_ALIVE = 30  # seconds that a connection may rest
_log = logging.getLogger("compositional_rerank.service")


def serve(settings: Settings, host: str, port: int, log_level: str, say: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: of the service.
        host: address to listen on.
        port: 0 takes a free one.
        log_level: ``"warning"`` for no line a request.
        say: told the address.

    Returns:
        0, or `COULD_NOT_START` where a worker could not load the model.

    Raises:
        InputError: a setting cannot be used, or the address.
        ModelNotFoundError: no place has the model.
        CheckpointError: a file of the model is damaged.
        StoreError: the folder cannot be used as a store.
    """
    check(settings)
    logging.config.dictConfig(log_config(log_level))
    listener = bound(host, port)
    port = listener.getsockname()[1]
    say(f"serving on {address_of(host, port)} as soon as the model is loaded; Ctrl-C ends it")
    if settings.workers == 1:
        _answer(settings, listener)
        return 0
    listener.close()
    # held, and never listened on: no other program gets the port while workers are started and end
    with (
        bound(host, port, shared=True),
        tempfile.TemporaryDirectory(prefix="compositional-rerank-") as folder,
    ):
        os.environ[metrics.FOLDER_VARIABLE] = folder
        if isinstance(settings.store, StoreUrl) and settings.store.password is not None:
            os.environ[PASSWORD_VARIABLE] = settings.store.password  # what workers are sent does not hold it
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # there is a process for each core
        return _watch(settings, host, port, log_level)


def check(settings: Settings) -> None:
    """Find out before anything is loaded whether the settings can be used."""
    settings.keys()
    settings.reranker()
    if settings.workers > 1 and not hasattr(socket, "SO_REUSEPORT"):
        raise InputError(f"--workers {settings.workers}: this system has no shared ports: use --workers 1")
    config = locate(settings.model).config
    for name in (settings.encoder, settings.verifier):
        if name is not None and name != "none":
            locate(name)
    if settings.sensitivity and (config is None or config.structural is None):
        raise InputError(
            f"--sensitivity {settings.sensitivity:g} needs a checkpoint with a structural part: leave it out"
        )
    if settings.store is not None:
        from compositional_rerank.store import open_store

        open_store(settings.store).close()


def is_open(settings: Settings, host: str) -> bool:
    """Whether other machines may call the service without a key."""
    return host not in LOOPBACK and not settings.keys()


def _watch(settings: Settings, host: str, port: int, log_level: str) -> int:
    """Keep workers running until a signal comes; spawned: a fork would lack the threads of torch."""
    stopping, code = Event(), 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    spawn = multiprocessing.get_context("spawn")

    def start() -> SpawnProcess:
        worker = spawn.Process(target=_work, args=(settings, host, port, log_level))
        worker.start()
        return worker

    workers = [start() for _ in range(settings.workers)]
    first = set(workers)
    while not stopping.is_set():
        ended = wait([worker.sentinel for worker in workers], timeout=0.5)
        for worker in [one for one in workers if one.sentinel in ended and not stopping.is_set()]:
            worker.join()
            workers.remove(worker)
            if worker.exitcode == COULD_NOT_START and worker in first:
                code = COULD_NOT_START
                stopping.set()
                break
            metrics.forget(worker.pid)
            _log.error("worker %s ended with %s: another is started", worker.pid, worker.exitcode)
            time.sleep(1)
            workers.append(start())
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
    return code


def _work(settings: Settings, host: str, port: int, log_level: str) -> None:
    """What a worker process does."""
    logging.config.dictConfig(log_config(log_level))
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        wait([parent.sentinel])  # a parent that was killed cannot say so
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=follow, daemon=True).start()
    try:
        _answer(settings, bound(host, port, shared=True))
    except CompositionalRerankError as error:
        _log.error("cannot start: %s", error)
        sys.exit(COULD_NOT_START)
    except KeyboardInterrupt:  # while the model was loaded
        pass


def _answer(settings: Settings, listener: socket.socket) -> None:
    """Load the model, then listen and answer until a signal comes."""
    import torch

    from compositional_rerank.serving.http.app import create_app

    logging.captureWarnings(True)
    torch.set_num_threads(max(1, min(torch.get_num_threads(), cores() // settings.workers)))
    leaving = Event()
    run_app(create_app(settings, leaving, settings.keys()), settings, leaving, listener)


def run_app(app: FastAPI, settings: Settings, leaving: Event, listener: socket.socket) -> None:
    """Listen and answer until a signal comes; the process is the service's own."""
    return_freed_memory()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        # what a body and then its answer may take, and a little
        timeout_graceful_shutdown=2 * math.ceil(settings.timeout) + 5,
    )
    _Server(config, leaving, settings.drain).run([listener])


class _Server(uvicorn.Server):
    """Goes on for a while after SIGTERM: who holds a connection learns by an answer that it closes."""

    def __init__(self, config: uvicorn.Config, leaving: Event, drain: float) -> None:
        super().__init__(config)
        self._leaving, self._drain = leaving, drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Of the first signal; a second SIGINT ends the process whatever it does."""
        again = self._leaving.is_set()
        self._leaving.set()
        if sig == signal.SIGTERM and not again:
            timer = Timer(self._drain, self._leave)
            timer.daemon = True
            timer.start()
            return
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self._leave()

    def _leave(self) -> None:
        self.should_exit = True


def address_of(host: str, port: int) -> str:
    """As a browser takes it."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket on an address, which others may share if they ask for it, too; it does not listen yet."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:  # the latter of a name such as a..b
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"port {port} of {host} cannot be used: {reason}: choose another with --port, or another --host"
        ) from error
    return listener


def log_config(level: str) -> dict[str, Any]:
    """uvicorn's log, and the service's beside it, on stderr."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["formatters"]["default"] = {"format": "%(asctime)s %(levelname)s %(message)s"}
    for name in ("compositional_rerank", "py.warnings", "uvicorn"):
        config["loggers"][name] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    return config
