"""The command in a process of its own, and a real browser that opens its page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra compositional-rerank[serve] is not installed")

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_RUNNING = re.compile(r"playground at (http://\S+/)")


@dataclass(frozen=True)
class Opened:
    """A page, every request that it made, and what the browser complained about."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a playground with the shipped model; keys of a service mean nothing to it."""
    log = tmp_path_factory.mktemp("playground") / "log"
    options = ["--port", "0", "--max-texts", "20", "--max-characters", "3000", "--device", "cpu"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "compositional_rerank", "playground", *options],
            stderr=stream,
            stdout=stream,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COMPOSITIONAL_RERANK_API_KEYS": "a-key"},
        )
    try:
        yield _ready(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(6000):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, text
        if found := _RUNNING.search(text):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"not ready: {text}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium: nothing is downloaded."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(_BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield one
        one.close()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Opened]]:
    """Opens the page; in the end no request may have left, and nothing may have been complained about."""
    contexts, all_opened = [], []

    def open_one(width: int = 1280, **options: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        one = Opened(context.new_page())
        context.on("request", lambda request: one.requests.append(request.url))
        context.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        all_opened.append(one)
        with one.page.expect_response("**/playground/rank"):  # the first example
            one.page.goto(address)
        one.page.wait_for_selector("#ranking[aria-busy=false]")
        return one

    yield open_one
    for context in contexts:
        context.close()
    for one in all_opened:
        assert len(one.requests) >= 6
        assert [url for url in one.requests if not url.startswith((address, "data:"))] == []
        assert one.complaints == []
