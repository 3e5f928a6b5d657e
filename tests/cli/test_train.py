"""`compositional-rerank train` as a user calls it, on the real base model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.checkpoints.locate import Located, locate
from compositional_rerank.cli import main
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
        (["--corpus", "{docs}", "--rows", "0"], "rows is 0: ask for at least 1 pair"),
        (["--corpus", "{docs}", "--rows", "30"], "pairs are too few to train on; give at least 200"),
        (["--corpus", "{docs}/none"], "no .jsonl, .md, .txt file to read"),
        (["--corpus", "{docs}", "--learning-rate", "2"], "learning_rate is out of range: 2.0"),
        (["--corpus", "{docs}", "--epochs", "0"], "epochs is out of range: 0.0"),
        (["--corpus", "{docs}", "--batch-size", "x"], "argument --batch-size: invalid int value: 'x'"),
        (["--data", "{docs}", "--recipe", "hundredth"], "no recipe can be read from hundredth"),
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
    assert "more.jsonl:1: a line must be a JSON object with a text field 'text'" in capsys.readouterr().err
