"""The verbs with a store on a real Redis server, by its address."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

PASSAGES = ["The soup is cold.", "Paris is closer than Rome.", "Rome lies in Italy."]
ASK = ("rerank", "--query", "Rome is closer", "--format", "jsonl", "--store")


def test_what_is_warmed_is_found(command: Any, redis_server: Any, forwards: list[torch.Size]) -> None:
    url, shown = (
        f"redis://:{password}@127.0.0.1:{redis_server.port}/0?prefix={os.getpid()}-cli"
        for password in (redis_server.password, "***")
    )
    first = command("warm", "--store", url, stdin="\n".join(PASSAGES))
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("3 new passages, 0 known; ")
    assert first.out.splitlines()[-1].startswith(f"{shown}: 3 passages, ")
    assert command("warm", "--store", url, stdin="Rome lies in Italy.").out.startswith(
        "0 new passages, 1 known"
    )
    forwards.clear()
    ranked = command(*ASK, url, stdin="\n".join(PASSAGES))
    assert (ranked.code, len(ranked.out.splitlines())) == (0, 3)
    assert [shape[0] for shape in forwards] == [1]
    other = command("warm", "--store", url, "--dtype", "int4", stdin="Rome lies in Italy.")
    assert other.out.startswith("1 new passages, 0 known")
    assert "dtype=int4" in other.err
    for outcome in (first, ranked, other):
        assert redis_server.password not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--store", "redis://:s3cret@host/zero"], "database must be an integer"),
        (["--store", "redsi://:s3cret@host"], "there are: redis, rediss, unix"),
        (["--store", "redis://:s3cret@host", "--compact"], "--compact is for a folder"),
        (["--store", "redis://:s3cret@host?dtype=int4", "--dtype", "int8"], "another dtype than 'int8'"),
        (["--store", "redis://:s3cret@localhost:1/0"], "cannot be read (ConnectionError"),
    ],
)
def test_bad_usage_is_one_line_without_the_password(command: Any, arguments: list[str], said: str) -> None:
    outcome = command("warm", *arguments, stdin="a passage")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "s3cret" not in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("count", [3, 600])
def test_queries_are_answered_without_the_server(command: Any, count: int) -> None:
    passages = [f"Passage {number} is here." for number in range(count)]
    with pytest.warns(RuntimeWarning, match=r"encoded at every query: store redis://:\*\*\*@localhost:1/0"):
        ranked = command(*ASK, "redis://:s3cret@localhost:1/0", stdin="\n".join(passages))
    assert (ranked.code, len(ranked.out.splitlines())) == (0, count)
