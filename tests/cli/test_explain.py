"""The verb explain, on the real model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker, explain

PAIR = ["explain", "--query", "Rome is closer than Paris", "--passage", "Paris is closer than Rome."]


def test_text_is_the_default(command: Any) -> None:
    outcome = command(*PAIR)
    assert outcome.code == 0
    assert "verdict    not read: this model has no verifier" in outcome.out
    assert "similarity of every word" in outcome.out


def test_json(command: Any) -> None:
    record = json.loads(command(*PAIR, "--format", "json").out)
    assert len(record["similarities"]) == len(record["query_words"]) == 5
    assert (record["verdict"], record["why"]) == (None, "not read: this model has no verifier")
    assert record["support"] is record["denial"] is record["evidence"] is None


def test_the_verdict_is_shown(command: Any, judging: CompositionalReranker, tmp_path: Path) -> None:
    expected = explain(judging, PAIR[2], PAIR[4])
    assert expected.mismatch is not None
    assert expected.why in " ".join(command(*PAIR).out.split())
    record = json.loads(command(*PAIR, "--format", "json").out)
    assert (record["verdict"], record["why"]) == (expected.verdict, expected.why)
    page = tmp_path / "page.html"
    assert command(*PAIR, "--out", str(page)).code == 0
    assert ("<mark>" in page.read_text(encoding="utf-8")) == (expected.evidence is not None)


def test_page_by_the_name_of_the_file(command: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = command(*PAIR, "--out", str(page))
    assert (outcome.code, outcome.out) == (0, "")
    assert str(page) in outcome.err
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    umask = os.umask(0)
    os.umask(umask)
    assert page.stat().st_mode & 0o777 == 0o666 & ~umask


def test_never_overwrites_without_force(command: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    refused = command(*PAIR, "--out", str(page))
    assert refused.code == 2
    assert "--force" in refused.err
    assert page.read_text() == "mine"
    assert command(*PAIR, "--out", str(page), "--force").code == 0
    assert page.read_text() != "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("place", [".", "no-such-folder/page.html", "/dev/null"])
def test_bad_places(command: Any, tmp_path: Path, place: str) -> None:
    outcome = command(*PAIR, "--out", str(tmp_path / place), "--force")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1


def test_passage_from_a_file_and_from_stdin(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "passage.txt"
    file.write_bytes("\ufeffParis is closer\r\nthan Rome.".encode())
    start = ["explain", "--query", "Rome", "--format", "json"]
    from_file = json.loads(command(*start, "--passage-file", str(file)).out)
    from_stdin = json.loads(command(*start, "--passage-file", "-", stdin=file.read_bytes()).out)
    assert from_file == from_stdin
    assert from_file["passage"] == "Paris is closer\nthan Rome."


def test_a_passage_in_a_file_of_records(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "hits.jsonl"
    file.write_text('{"text": "Paris is closer than Rome.", "id": 7}\n')
    start = ["explain", "--query", "Rome", "--format", "json", "--passage-file", str(file)]
    assert json.loads(command(*start).out)["passage"] == "Paris is closer than Rome."
    file.write_text('{"text": "a"}\n{"text": "b"}\n')
    outcome = command(*start)
    assert outcome.code == 2
    assert "hits.jsonl holds 2 texts, and the passage is one: pass it with --passage" in outcome.err


def test_a_model_without_verifier_is_said_once(command: Any) -> None:
    assert command(*PAIR).err.count("has no verifier, so that near-misses are not judged") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--query", "x"],
        ["--query", "", "--passage", "x"],
        ["--query", "x", "--passage", "x", "--passage-file", "y"],
        ["--query", "x", "--passage-file", "no-such-file"],
        ["--query", "x", "--passage-file", "."],
        ["--query", "x", "--passage", "y", "z"],
        ["--query", "x", "--passage_file", "y"],
        ["--query", "x", "--passage", "y", "--out", ""],
    ],
)
def test_bad_usage_is_one_line(command: Any, arguments: list[str]) -> None:
    outcome = command("explain", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("compositional-rerank: error: ")
    assert outcome.err.count("\n") == 1
