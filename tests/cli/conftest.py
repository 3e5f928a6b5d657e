"""The command in this process, on the session's model: loading it anew for every test would take minutes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker
from compositional_rerank.cli import main
from compositional_rerank.store import open_store


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    reranker: CompositionalReranker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    def load(*args: Any, store: Any = None, **options: Any) -> CompositionalReranker:
        if store is None:
            return reranker
        return reranker.with_store(open_store(store) if isinstance(store, (str, Path)) else store)

    monkeypatch.setattr(CompositionalReranker, "from_pretrained", load)

    def run(*arguments: str, stdin: str | bytes = b"") -> Outcome:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def judging(
    command: Command, verifying: CompositionalReranker, monkeypatch: pytest.MonkeyPatch
) -> CompositionalReranker:
    """From here on the command loads a reranker with a verifier, which this is."""
    monkeypatch.setattr(CompositionalReranker, "from_pretrained", lambda *args, **options: verifying)
    return verifying
