"""Take the pictures of the documentation: pages of this package, in the system's Chromium.

    .venv/bin/python docs/pictures.py

Needs a Chromium, such as Debian's package of that name.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
COLOURS = 64  # of a picture: text on plain ground needs no more
PROGRAM = [sys.executable, "-m", "compositional_rerank"]
PAIR = ["--query", "Rome is closer than Paris", "--passage", "Paris is closer than Rome."]


def main() -> int:
    """Take them; the exit code."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("no chromium and no google-chrome is installed", file=sys.stderr)
        return 2
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 600}, reduced_motion="reduce")
        page.set_default_timeout(120_000)
        with playground() as address:
            page.goto(address)
            page.wait_for_selector("#after .card")
            page.wait_for_selector("#ranking[aria-busy=false]")
            take(page, "playground.png")
        html = Path(folder) / "why.html"
        subprocess.run([*PROGRAM, "explain", *PAIR, "--out", str(html)], check=True)
        page.goto(html.as_uri())
        take(page, "explain.png")
        browser.close()
    return 0


def take(page: Page, name: str) -> None:
    """The whole page, in few colours."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


@contextmanager
def playground() -> Iterator[str]:
    """Start one; its address."""
    command = [*PROGRAM, "playground", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)))
        try:
            yield found[0]
        finally:
            process.terminate()


if __name__ == "__main__":
    raise SystemExit(main())
