"""A real server in a process of its own, on a free port of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

collect_ignore_glob = [] if find_spec("fastapi") else ["test_*.py"]  # an extra

_KEY = "a-key-of-the-tests"
_RUNNING = re.compile(r"serving on (http://[^ ]+)")


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def client(self, key: str | None = _KEY) -> httpx.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, trust_env=False)

    def metric(self, line: str) -> float:
        """The value of a metric; 0 where it has none yet."""
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        return next((float(one.rsplit(" ", 1)[1]) for one in lines if one.startswith(f"{line} ")), 0.0)

    def wait_for(self, line: str, value: float) -> None:
        """Wait until a metric has a value."""
        for _ in range(1200):
            if (found := self.metric(line)) == value:
                return
            time.sleep(0.05)
        raise AssertionError(f"{line} is {found}, not {value}")


Serving = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Starts servers."""
    return _serving


@contextmanager
def _serving(folder: Path, *options: str) -> Iterator[Server]:
    """Start a server with the shipped model; it is stopped, if it still runs."""
    keys = folder / "keys.txt"
    keys.write_text(f"# keys\n{_KEY}\nanother-key\n", encoding="utf-8")
    command = [sys.executable, "-m", "compositional_rerank", "serve", "--port", "0", "--api-keys", str(keys)]
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--device", "cpu", *options],
            stderr=stream,
            stdout=stream,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield Server(_ready(process, log), _KEY, process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(6000):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, text
        if found := _RUNNING.search(text):
            try:
                httpx.get(f"{found[1]}/readyz", timeout=60, trust_env=False).raise_for_status()
                return found[1]
            except httpx.TransportError:
                pass  # several workers share a socket that is named before they listen
        time.sleep(0.05)
    raise AssertionError(f"not ready: {text}")
