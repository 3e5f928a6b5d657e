"""Two workers: what they share, and that SIGTERM loses no request."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import FileStore
from compositional_rerank.cli import main

pytest.importorskip("fcntl", reason="a store on disk needs POSIX")
QUERY = "Who wrote Faust?"
MANY = 10
PASSAGES = ["Goethe wrote Faust.", "Paris is in France."]
COUNTED = 'compositional_rerank_requests_total{route="/v2/rerank",status="200"}'


@pytest.fixture
def server(serving: Any, tmp_path: Path) -> Iterator[Any]:
    options = ["--workers", "2", "--store", str(tmp_path / "store"), "--drain", "0.5", "--timeout", "600"]
    with serving(tmp_path, *options, "--model", "sentence-transformers/all-MiniLM-L6-v2") as one:
        yield one


def test_workers_share_store_and_metrics_and_a_stop_loses_no_request(server: Any, tmp_path: Path) -> None:
    def ask(number: int) -> int:
        with server.client() as client:
            documents = [*PASSAGES, *(f"Text {number} {place}. " * 5 for place in range(MANY))]
            answer = client.post("/v2/rerank", json={"query": QUERY, "documents": documents})
            assert answer.json()["results"][0]["index"] == 0
            return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
        assert server.metric(COUNTED) == 8  # of both workers, whichever answers
        assert len(FileStore(tmp_path / "store")) == len(PASSAGES) + 8 * MANY
        late = [pool.submit(ask, number) for number in range(8, 16)]
        while sum(one.done() for one in late) + server.metric("compositional_rerank_requests_inside") < 8:
            pass
        assert not all(one.done() for one in late)
        os.kill(server.process.pid, signal.SIGTERM)
        assert [one.result() for one in late] == [200] * 8
    assert server.process.wait(60) == 0
    assert len(FileStore(tmp_path / "store")) == len(PASSAGES) + 16 * MANY


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--api-keys", "missing.txt"], "missing.txt cannot be read"),
        (["--model", "no/such-model"], "no/such-model"),
        (["--workers", "0"], "--workers"),
        (["--store", "redis://localhost:6379/zero"], "database must be an integer"),
        (["--sensitivity", "0.5", "--model", "sentence-transformers/all-MiniLM-L6-v2"], "structural part"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_starts(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--port", "0", *options]) == 2
    assert message in capsys.readouterr().err
