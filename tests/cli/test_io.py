"""What the verbs print, where nobody reads on: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SHOWN = "from compositional_rerank.cli._io import show; show('x' * 100_000); show('more')"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("after", "code", "said"),
    [("raise SystemExit(3)", 3, []), ("raise OSError('no disk')", 1, ["OSError: no disk"])],
)
def test_what_comes_after_a_result_that_nobody_reads_still_comes(
    unbuffered: str, after: str, code: int, said: list[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", f"{SHOWN}; {after}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    process.stdout.close()
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert error.splitlines()[-1:] == said
