"""`compositional-rerank train` as a user calls it, on the real base model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.checkpoints.locate import Located, locate
from compositional_rerank.cli import main
from compositional_rerank.errors import DataError
from compositional_rerank.training.recipe import Recipe
from compositional_rerank.training.sources import LabelledPair

SENTENCES = """\
The dog bit the man in the old garden. The doctor called the nurse before the patient left.

Rome is closer to Naples than Paris. The red car stood behind the blue truck on Monday.

All 40 tickets were sold in May. Nobody asked the cashier for the money. The drug is safe for small children.

The company pays for travel if the manager approves the trip. Some drivers wash the white vans after work.

The north gate opens at 7 and the south gate closes at 9.

The teacher praised the pupil and thanked the parents.
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "notes.txt").write_text(SENTENCES)
    return tmp_path / "docs"


def train(*arguments: object) -> int:
    return main(["train", "verifier", "--device", "cpu", *map(str, arguments)])


def test_adapting_to_passages(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine"
    few = ["--rows", 280, "--epochs", 0.02, "--batch-size", 4]
    assert train("--corpus", corpus, "--from", DEFAULT_BASE, "--out", out, *few) == 0
    message = capsys.readouterr().err
    assert "of them near-misses" in message
    assert f"wrote {out}" in message
    assert locate(out).config is not None
    assert train("--corpus", corpus, "--from", DEFAULT_BASE, "--out", out) == 2
    assert "exists: choose another folder" in capsys.readouterr().err


def test_a_recipe_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = '[[source]]\nname = "templates"\nkind = "templates"\nrows = 220\nlicence = "CC0"\n'
    (tmp_path / "mine.toml").write_text(f"seed = 4\n[training]\nbatch_size = 4\nstop_after = 1\n{source}")
    out = tmp_path / "out"
    recipe = ["--recipe", tmp_path / "mine.toml", "--from", DEFAULT_BASE]
    assert train("--data", tmp_path, *recipe, "--out", out) == 0
    assert "220 pairs, 110 of them near-misses" in capsys.readouterr().err
    assert locate(out).config is not None


def test_the_seed_draws_a_recipe_s_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = '[[source]]\nname = "templates"\nkind = "templates"\nrows = 220\nlicence = "CC0"\n'
    (tmp_path / "mine.toml").write_text(f"seed = 4\n{source}")
    drawn: list[Sequence[LabelledPair]] = []

    def keep(pairs: Sequence[LabelledPair], start: Located, out: Path, **kwargs: object) -> Path:
        drawn.append(pairs)
        return out

    monkeypatch.setattr("compositional_rerank.training.verifier.train_verifier", keep)
    recipe = ["--data", tmp_path, "--recipe", tmp_path / "mine.toml", "--out", tmp_path / "out"]
    for seed in ([], ["--seed", 4], ["--seed", 5]):
        assert train(*recipe, "--from", DEFAULT_BASE, *seed) == 0
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_embedder_beside_the_shipped_verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = '[[source]]\nname = "templates"\nkind = "templates"\nrows = 220\nlicence = "CC0"\n'
    head = "seed = 4\n[training]\nbatch_size = 4\nstop_after = 1\n[structural]\ndimension = 8\nwidth = 8\n"
    (tmp_path / "mine.toml").write_text(head + source)
    given = ["--data", str(tmp_path), "--recipe", str(tmp_path / "mine.toml"), "--device", "cpu"]
    for method in ("structural", "naive"):
        out = tmp_path / method
        command = ["train", "embedder", *given, "--method", method, "--out", str(out)]
        assert main(command) == 0
        message = capsys.readouterr().err
        assert "220 rows, 220 of them with a near-miss" in message
        assert f"wrote {out}" in message
        assert main(command) == 2
        assert "exists: choose another folder" in capsys.readouterr().err
    config, shipped = locate(tmp_path / "structural").config, locate(None).config
    assert config is not None
    assert config.structural is not None
    assert shipped is not None
    assert config.verifier == shipped.verifier
    assert locate(tmp_path / "naive").config is None


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
        (["--corpus", "{docs}", "--rows", "30"], "pairs are too few to train on; give at least 200"),
        (["--corpus", "{docs}/none"], "none cannot be read"),
        (["--corpus", "/dev/null"], "holds no passage"),
        (["--corpus", "{docs}", "--learning-rate", "2"], "must be a number above 0 and below 1, got '2'"),
        (["--corpus", "{docs}", "--epochs", "0"], "--epochs: must be a number above 0, got '0'"),
        (["--corpus", "{docs}", "--epochs", "inf"], "--epochs: must be a number above 0, got 'inf'"),
        (["--corpus", "{docs}", "--batch-size", "x"], "must be an integer of at least 1, got 'x'"),
        (["--corpus", "{docs}", "--seed", "-3"], "must be an integer from 0 to 4294967295, got '-3'"),
        (
            ["--corpus", "{docs}", "--batch_size", "4"],
            "unknown option --batch_size, the nearest is --batch-size",
        ),
        (["--corpus", "{docs}", "--recipe", "first"], "--recipe first goes with --data, not with --corpus"),
        (["--data", "{docs}", "--input", "lines"], "--input lines goes with --corpus, not with --data"),
        (
            ["--data", "{docs}", "--recipe", "hundredth"],
            "--recipe hundredth is no file, and those of this package",
        ),
        (["--data", "{docs}", "--recipe", "first"], "does not exist: recipe source"),
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


def test_help_names_the_recipes_that_are_here_and_no_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    named = shown.split("or one of ")[1].split(" (sixteenth, or embedder)")[0].split(", ")
    assert all(Recipe.load(name).sources for name in named)
    monkeypatch.setattr("compositional_rerank.cli.train.files", lambda package: tmp_path)
    assert main(["train", "--help"]) == 0
    assert "or one of" not in capsys.readouterr().out
    assert train("--data", tmp_path, "--out", tmp_path / "out") == 2
    assert "--recipe sixteenth is no file, and this package has none" in capsys.readouterr().err


def test_the_corpus_is_read_as_every_verb_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrapped.txt").write_text("One line,\nand another.\n\nThe end.\n")
    seen: list[list[str]] = []

    def keep(passages: list[str], rows: int, seed: int) -> list[LabelledPair]:
        seen.append(passages)
        raise DataError("seen")

    monkeypatch.setattr("compositional_rerank.training.corpus.corpus_pairs", keep)
    out = ["--from", DEFAULT_BASE, "--out", tmp_path / "out"]
    assert train("--corpus", tmp_path, *out) == 2
    assert train("--corpus", tmp_path / "wrapped.txt", "--input", "lines", *out) == 2
    assert seen == [["One line,\nand another.", "The end."], ["One line,", "and another.", "The end."]]
