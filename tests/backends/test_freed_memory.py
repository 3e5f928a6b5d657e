"""Memory that is freed, in a process of its own: the settings are of the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys, psutil, torch
from threading import Thread
from compositional_rerank.backends.freed_memory import return_freed_memory
if sys.argv[1] == "yes" and not return_freed_memory():
    sys.exit(77)
kept = []
def work(number):
    for size in (30, 9, 17, 5, 12):
        blocks = [torch.ones(size * 250_000) for _ in range(4)]
        kept.append(bytes(70_000))
        del blocks[1:]
        kept.append(bytes(70_000))
        del blocks
for _ in range(3):
    threads = [Thread(target=work, args=(number,)) for number in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print(psutil.Process().memory_info().rss >> 20)
"""


def test_large_blocks_go_back_to_the_system() -> None:
    pytest.importorskip("psutil", reason="reads the resident set")
    found = {}
    for asked in ("no", "yes"):
        done = subprocess.run(
            [sys.executable, "-c", CODE, asked], capture_output=True, text=True, check=False
        )
        if done.returncode == 77:
            pytest.skip("no glibc")
        assert done.returncode == 0, done.stderr
        found[asked] = int(done.stdout)
    assert found["yes"] < found["no"] - 50, found
