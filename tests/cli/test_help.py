"""Every help text teaches with examples that run, on the session's model where there is something to run."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank.cli import VERBS, main
from compositional_rerank.cli._options import Parser
from compositional_rerank.errors import InputError

PROGRAM = "compositional-rerank "


def lines(capsys: pytest.CaptureFixture[str], *verb: str) -> list[str]:
    """The example lines of a help text."""
    assert main([*verb, "--help"]) == 0
    found = [line.strip() for line in capsys.readouterr().out.split("\nexamples", 1)[1].splitlines()]
    return [line for line in found if line.startswith((PROGRAM, "printf "))]


@pytest.mark.parametrize("verb", [(), ("rerank",), ("explain",), ("warm",)])
def test_examples_run(
    command: Any,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = [line for line in lines(capsys, *verb) if "VERB" not in line]
    assert sum(line.startswith(PROGRAM) for line in examples) >= 3
    for line in examples:
        if ".example.com" in line or "--engine ray" in line:  # machines of the reader's own
            continue
        if line.startswith("printf"):
            subprocess.run(line, shell=True, check=True)
            continue
        words = shlex.split(line, comments=True)[1:]
        stdin = b""
        if "<" in words:
            stdin = Path(words[-1]).read_bytes()
            words = words[:-2]
        outcome = command(*words, stdin=stdin)
        assert outcome.code == 0, (line, outcome.err)


@pytest.mark.parametrize("verb", VERBS)
def test_all_examples_are_understood(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    examples = [line for line in lines(capsys, verb) if line.startswith(PROGRAM)]
    assert examples

    class Understood(Exception):
        pass

    def parse(self: Parser, arguments: list[str]) -> None:
        super(Parser, self).parse_args(arguments)
        raise Understood

    monkeypatch.setattr(Parser, "parse_args", parse, raising=False)
    for line in examples:
        with pytest.raises(Understood):
            main(shlex.split(line.split("<")[0], comments=True)[1:])


@pytest.mark.parametrize("verb", VERBS)
def test_no_deleted_page_no_ordinals_and_no_magic_numbers(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    for page in re.findall(r"docs/[\w/.-]+\.md", shown):
        assert (Path(__file__).parents[2] / page).is_file()
    assert " to eighth" not in shown
    assert ("another model judges nothing" in " ".join(shown.split())) == (verb != "train")
    assert not re.search(r"--(max-mismatch|min-score|sensitivity|min-rejection) [\d.]", shown)


def test_an_option_before_the_verb_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--query", "x", "rerank"]) == 2
    assert "unknown option --query: the options of a verb stand behind it" in capsys.readouterr().err
    assert main(["--versoin"]) == 2
    assert "unknown option --versoin, the nearest is --version" in capsys.readouterr().err


def test_values_that_look_like_options_are_left_alone() -> None:
    parser = Parser(prog="x")
    parser.add_argument("--text")
    parser.add_argument("--number", type=float)
    parser.add_argument("rest", nargs="*")
    args = parser.parse_args(["--text", "--a b", "--num", "-3", "-", "--", "--c"])
    assert (args.text, args.number, args.rest) == ("--a b", -3.0, ["-", "--c"])
    assert parser.parse_args(["--text=--d"]).text == "--d"
    with pytest.raises(InputError, match="unknown option --numbre, the nearest is --number; see: x --help"):
        parser.parse_args(["--numbre", "1"])
