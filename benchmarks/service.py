"""A service in a process of its own, for the benchmarks that ask one."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(folder: Path, *options: str, workers: int = 1) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start ``compositional-rerank serve`` with the shipped model, and end it where nobody has yet.

    Args:
        folder: for its log.
        options: of the command.
        workers: how many processes.

    Yields:
        Its address, once all workers are ready, and its process.
    """
    log = folder / "log"
    command = [sys.executable, "-m", "compositional_rerank", "serve", "--port", "0", "--device", "cpu"]
    with log.open("wb") as stream:
        process = subprocess.Popen([*command, "--workers", str(workers), *options], stderr=stream)
    try:
        yield _address(log, process, workers), process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(log: Path, process: subprocess.Popen[bytes], workers: int) -> str:
    while process.poll() is None:
        text = log.read_text(encoding="utf-8", errors="replace")
        found = re.search(r"serving on (http://\S+)", text)
        if found and text.count(" is ready") == workers:
            return found[1]
        time.sleep(0.1)
    raise SystemExit(log.read_text(encoding="utf-8", errors="replace"))
