"""`compositional-rerank train` as a user calls it, on the real base model."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.cli import main
from compositional_rerank.errors import DataError
from compositional_rerank.training.rows import Row

SENTENCES = "\n\n".join(
    f"The {who} of house {number} keeps the {what} in the {where}. Nobody took it in {1900 + number}."
    for number, (who, what, where) in enumerate(
        (who, what, where)
        for who in "owner tenant doctor painter".split()
        for what in "red bicycle,old ladder,blue lamp,long rope,last key".split(",")
        for where in "cellar attic kitchen garage garden hall".split()
    )
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "notes.txt").write_text(SENTENCES)
    (tmp_path / "docs" / "few.md").write_text("The dog bit the man in the old garden.")
    return tmp_path / "docs"


def train(*arguments: object) -> int:
    return main(["train", "verifier", "--device", "cpu", *map(str, arguments)])


def test_adapting_to_passages(
    corpus: Path, checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    command = ["--corpus", corpus, "--rows", 60, "--from", checkpoint_folder, "--out", out]
    assert train(*command) == 0
    message = capsys.readouterr().err
    assert "pairs: the closest other passage: not labelled" in message
    assert f"wrote {out}" in message
    before, after = locate(checkpoint_folder).config, locate(out).config
    assert before is not None
    assert after is not None
    assert (after.fusion, after.verifier) == (before.fusion, before.verifier)
    assert after.files != before.files
    assert train(*command) == 2
    assert "exists: choose another folder" in capsys.readouterr().err


def test_the_embedder_beside_a_verifier(
    checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"text1": f"The {a} dog bit the {b} man.", "text2": f"The {b} dog bit the {a} man.", "same": 0}
        for a in "old young small tall red sad mad big thin bald".split()
        for b in "loud quiet fat poor rich pale late cold weak calm fast slow".split()
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    part = "dimension = 8\nwidth = 8\ndepth = 1\nlongest = 32\nsensitivity = 0.35\nfollow = 20\n"
    part += "paraphrase = 30\nfall = 1\nrank = 10\ndrop = 0.3\nmargin = 0.15\n"
    source = '[[source]]\nname = "made"\nkind = "pairs"\npath = "pairs.jsonl"\nrows = 220\n'
    head = "seed = 4\n[training]\nbatch_size = 4\nepochs = 0.01\n"
    (tmp_path / "mine.toml").write_text(f"{head}[structural]\n{part}{source}")
    (tmp_path / "whole.toml").write_text(head + source)
    given = [
        "train",
        "embedder",
        "--data",
        str(tmp_path),
        "--from",
        str(checkpoint_folder),
        "--device",
        "cpu",
    ]
    for method, recipe in (("structural", "mine"), ("naive", "whole")):
        out = tmp_path / method
        command = [*given, "--recipe", str(tmp_path / f"{recipe}.toml"), "--out", str(out)]
        assert main([*command, "--method", method]) == 0
        message = capsys.readouterr().err
        assert "220 rows, 220 of them with a near-miss" in message
        assert f"wrote {out}" in message
        assert main(command) == 2
        assert "exists: choose another folder" in capsys.readouterr().err
    config, start = locate(tmp_path / "structural").config, locate(checkpoint_folder).config
    assert config is not None
    assert config.structural is not None
    assert start is not None
    assert config.verifier == start.verifier
    assert locate(tmp_path / "naive").config is None
    for more, said in (
        (["--recipe", str(tmp_path / "whole.toml")], "has no [structural]"),
        (["--seed", "5"], "with --data the recipe says everything: write seed into a recipe"),
    ):
        assert main([*given, *more, "--out", str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err


def test_the_embedder_reads_recipes_only(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "embedder", "--corpus", str(corpus), "--out", str(corpus / "out")]) == 2
    assert "train embedder takes --data with a recipe" in capsys.readouterr().err


def bad_line(folder: Path) -> None:
    (folder / "more.jsonl").write_text(json.dumps({"body": "no text"}) + "\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "{docs}", "--rows", "0"], "--rows: must be an integer of at least 1, got '0'"),
        (["--corpus", "{docs}", "--rows", "1e4"], "--rows: must be an integer of at least 1, got '1e4'"),
        (
            ["--corpus", "{docs}/few.md"],
            "hold 1 different sentences of 20 to 240 characters, and at least 200",
        ),
        (["--corpus", "{docs}/none"], "none cannot be read"),
        (["--corpus", "/dev/null"], "holds no passage"),
        (["--corpus", "{docs}"], "has no verifier to adapt"),
        (["--corpus", "{docs}", "--learning-rate", "2"], "must be a number above 0 and below 1, got '2'"),
        (["--corpus", "{docs}", "--seed", "-3"], "must be an integer from 0 to 4294967295, got '-3'"),
        (
            ["--corpus", "{docs}", "--learning_rate", "4"],
            "unknown option --learning_rate, the nearest is --learning-rate",
        ),
        (["--corpus", "{docs}", "--recipe", "first"], "--recipe first goes with --data, not with --corpus"),
        (["--data", "{docs}", "--rows", "9"], "--rows 9 goes with train verifier --corpus alone"),
        (["--corpus", "{docs}", "--method", "naive"], "--method naive goes with train embedder --data"),
        (
            ["--corpus", "{docs}", "--dimension", "8"],
            "--dimension 8 goes with train projection --corpus alone",
        ),
        (["--data", "{docs}", "--input", "lines"], "--input lines goes with --corpus, not with --data"),
        (["--data", "{docs}", "--recipe", "hundredth"], "no recipe 'hundredth': it is no file"),
        (["--data", "{docs}", "--corpus", "{docs}"], "not allowed with argument"),
        ([], "one of the arguments --corpus --data is required"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    filled = [argument.format(docs=corpus) for argument in arguments]
    assert train(*filled, "--from", DEFAULT_BASE, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("compositional-rerank: error: ")
    assert message in error
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["docs"]


def test_a_bad_line_is_named(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad_line(corpus)
    assert train("--corpus", corpus, "--from", DEFAULT_BASE, "--out", tmp_path / "out") == 2
    assert "more.jsonl:1: field 'text' is missing, it has 'body'" in capsys.readouterr().err


def test_the_corpus_is_read_as_every_verb_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrapped.txt").write_text("One line,\nand another.\n\nThe end.\n")
    seen: list[list[str]] = []

    def keep(passages: list[str], rows: int, seed: int) -> tuple[list[Row], Counter[str]]:
        seen.append(passages)
        raise DataError("seen")

    monkeypatch.setattr("compositional_rerank.training.corpus.corpus_rows", keep)
    out = ["--from", DEFAULT_BASE, "--out", tmp_path / "out"]
    assert train("--corpus", tmp_path, *out) == 2
    assert train("--corpus", tmp_path / "wrapped.txt", "--input", "lines", *out) == 2
    assert seen == [["One line,\nand another.", "The end."], ["One line,", "and another.", "The end."]]
