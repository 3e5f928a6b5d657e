"""Small entries, and other processes, for the tests of the file store."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.store import quantise


class Kit:
    """What the tests and the processes that they start make and compare."""

    @staticmethod
    def key(name: object) -> bytes:
        """A key as `token_key` makes them."""
        return hashlib.sha256(str(name).encode()).digest()

    @staticmethod
    def entry(tokens: int = 5, seed: int = 0, dimension: int = 8) -> EncodedText:
        """Random token vectors with the spans of words of four letters and one segment."""
        generator = torch.Generator().manual_seed(seed * 1000 + tokens)
        starts = torch.arange(tokens) * 5
        return EncodedText(
            torch.nn.functional.normalize(torch.randn(tokens, dimension, generator=generator)),
            torch.stack([starts, starts + 4], dim=1).int(),
            torch.nn.functional.normalize(torch.randn(6, generator=generator), dim=0),
            torch.tensor([[0, 5 * tokens, 0, tokens]] if tokens else [], dtype=torch.int32).reshape(-1, 4),
        )

    @staticmethod
    def same(found: EncodedText | None, entry: EncodedText, dtype: str = "int8") -> bool:
        """Whether an entry has the bits with which it must come out of a store of this dtype."""
        if found is None:
            return False
        expected = quantise(entry, dtype)
        return all(
            torch.equal(getattr(found, name), getattr(expected, name))
            for name in ("vectors", "offsets", "pooled", "segments")
        ) and (found.scales is None or torch.equal(found.scales, expected.scales))


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
def python() -> Callable[..., subprocess.Popen[str]]:
    """Start another process on code that may use ``FileStore``, ``kit`` and ``sys``."""
    head = (
        "import sys; from runpy import run_path; from compositional_rerank.store import FileStore\n"
        f"kit = run_path({__file__!r})['Kit']\n"
    )

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", head + code, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    return start
