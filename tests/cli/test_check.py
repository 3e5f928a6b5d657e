"""The verb check, on the shipped weights, in clear cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker

CLOSED = "The office is closed on Sundays."
DOGS = "Dogs are not allowed in the office."
Command = Any
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
PROCESS = [sys.executable, "-m", "compositional_rerank"]


@pytest.fixture(scope="module")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture
def check(command: Command, shipped: CompositionalReranker, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(CompositionalReranker, "from_pretrained", lambda *args, **options: shipped)
    return lambda *arguments, **stdin: command("check", *arguments, **stdin)


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.jsonl"
    path.write_text(
        json.dumps({"text": CLOSED, "id": "hours"}) + "\n" + json.dumps({"text": DOGS}) + "\n",
        encoding="utf-8",
    )
    return str(path)


def test_a_report_for_people(check: Command, rules: str) -> None:
    outcome = check("--answer", f"{CLOSED} Dogs are allowed in the office. Ok?", rules)
    assert outcome.code == 1
    assert outcome.out.startswith("2 checked: 1 supported, 1 flagged, 0 without source\n")
    assert f"supports     {CLOSED}\n" in outcome.out
    assert f"passage hours: “{CLOSED}”\n" in outcome.out
    assert "denies       Dogs are allowed in the office.\n" in outcome.out
    assert f"passage 2: “{DOGS}”\n" in outcome.out
    assert "-            Ok?\n" in outcome.out


def test_json(check: Command, rules: str, shipped: CompositionalReranker) -> None:
    outcome = check("--answer", CLOSED, "--format", "json", rules)
    assert outcome.code == 0
    record = json.loads(outcome.out)
    assert record["model"] == shipped.name
    assert record["threshold"] == shipped.threshold
    assert record["faithfulness"] == 1
    [sentence] = record["sentences"]
    assert sentence["verdict"] == "supports"
    assert [(one["index"], one["id"], one["quote"]) for one in sentence["passages"]] == [(0, "hours", CLOSED)]


def test_where_the_texts_come_from(check: Command, rules: str, tmp_path: Path) -> None:
    answer = tmp_path / "answer.md"
    answer.write_text(CLOSED, encoding="utf-8")
    assert check("--answer-file", str(answer), stdin=f"{CLOSED}\n{DOGS}\n").code == 0
    assert check("--answer-file", "-", rules, stdin=CLOSED).code == 0
    refused = check("--answer-file", "-", stdin=CLOSED)
    assert refused.code == 2
    assert "both standard input" in refused.err


def test_how_many_must_be_supported(check: Command, rules: str) -> None:
    answer = f"{CLOSED} The roof was painted green last year."
    assert check("--answer", answer, rules).code == 0
    assert check("--answer", answer, "--min-faithfulness", "0.5", rules).code == 0
    assert check("--answer", answer, "--min-faithfulness", "0.6", rules).code == 1
    assert check("--answer", "Why?", "--min-faithfulness", "1", rules).code == 0
    refused = check("--answer", answer, "--min-faithfulness", "2", rules)
    assert refused.code == 2
    assert "must be a number in [0, 1]" in refused.err


def test_without_passages(check: Command) -> None:
    outcome = check("--answer", CLOSED, stdin="\n")
    assert outcome.code == 0
    assert "no passage came in" in outcome.err
    assert f"no source    {CLOSED}\n" in outcome.out


def test_how_many_are_read(check: Command, rules: str) -> None:
    outcome = check("--answer", CLOSED, "--format", "json", "--max-verified", "1", rules)
    assert json.loads(outcome.out)["sentences"][0]["read"] == 1
    assert check("--answer", CLOSED, "--max-verified", "0", rules).code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--answer", " "], "answer is blank"),
        ([], "one of the arguments --answer --answer-file is required"),
        (["--answer", "a", "--answer-file", "b"], "not allowed with argument"),
        (["--answer-file", "no-such-file"], "no-such-file"),
        (["--answer", "It is.", "no-such-file"], "no-such-file cannot be read"),
    ],
)
def test_bad_usage(check: Command, arguments: list[str], message: str) -> None:
    outcome = check(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_model_without_a_verifier(command: Command, rules: str) -> None:
    outcome = command("check", "--answer", CLOSED, rules)
    assert outcome.code == 2
    assert "has no verifier" in outcome.err


def test_a_reader_who_has_had_enough_does_not_change_the_exit_code(rules: str) -> None:
    process = subprocess.Popen(
        [*PROCESS, "check", "--answer", "Dogs are allowed in the office.", rules],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, error = process.communicate(timeout=120)
    assert error == b""
    assert process.returncode == 1
