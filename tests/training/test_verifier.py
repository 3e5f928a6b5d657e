"""A whole recipe on a few rows: every step, going on after a stop, and the table at its end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.locate import Located, locate
from compositional_rerank.cli import main
from compositional_rerank.errors import CheckpointError, DataError, InputError
from compositional_rerank.training.expected import compare, figure_of, table
from compositional_rerank.training.recipe import Expected, Recipe
from compositional_rerank.training.verifier import make

ROOT = Path(__file__).parents[2]
BASE = "sentence-transformers/all-MiniLM-L6-v2"
RUN = "learning_rate = 1e-4\nbatch_characters = 2000\nmax_tokens = 64\n"
SOURCES = """
[[source]]
name = "items"
kind = "contrast"
path = "items"
rows = { first = 60, taught = 20 }

[[source]]
name = "claims"
kind = "inference"
path = "claims.jsonl"
rows = { first = 30 }
"""
ONE_RUN = f'[[run]]\nname = "first"\n{RUN}'
SECOND = f'[[run]]\nname = "taught"\nteacher = "{{teacher}}"\n{RUN}'
TEACHER = f'base = "{BASE}"\nseed = 1\n{ONE_RUN}{SOURCES.replace(", taught = 20", "")}'
CALIBRATION = """
[[calibration]]
name = "apart"
kind = "contrast"
path = "apart"
rows = 60
"""
STUDENT = f"""base = "{BASE}"
seed = 2
{ONE_RUN}{SECOND}{SOURCES}{CALIBRATION}
[gate]
contrast = ["apart"]
collections = ["collection", "timetable.jsonl"]

[reading]
window = 40

[report]
pairs = ["reported.jsonl"]

[[expected]]
figure = "near_misses/reported/n"
value = 2
within = 0
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    lines = (ROOT / "data" / "calibration" / "role.jsonl").read_text("utf-8").splitlines()
    for name, part in (("items", lines[:6]), ("apart", lines[6:9])):
        (folder / name).mkdir()
        (folder / name / "role.jsonl").write_text("\n".join(part), "utf-8")
    claims = [
        {"premise": f"Bus {n} is late.", "hypothesis": f"Bus {n} is on time.", "label": "contradiction"}
        for n in range(40)
    ]
    (folder / "claims.jsonl").write_text("\n".join(map(json.dumps, claims)), "utf-8")
    pairs = [{"text1": "The dog bit the man.", "text2": "The man bit the dog.", "same": n} for n in (0, 1)]
    (folder / "reported.jsonl").write_text("\n".join(map(json.dumps, pairs)), "utf-8")
    collection = folder / "collection"
    (collection / "qrels").mkdir(parents=True)
    texts = [{"_id": f"d{n}", "text": f"Bus {n} leaves at {n} o'clock."} for n in range(12)]
    (collection / "corpus.jsonl").write_text("\n".join(map(json.dumps, texts)), "utf-8")
    queries = [{"_id": f"q{n}", "text": f"When does bus {n} leave?"} for n in range(3)]
    (collection / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)), "utf-8")
    grades = "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in range(3))
    (collection / "qrels" / "test.tsv").write_text(grades, "utf-8")
    asked = [{"query": f"Where does bus {n} go?", "passage": f"Bus {n} goes to pier {n}."} for n in range(9)]
    (folder / "timetable.jsonl").write_text("\n".join(map(json.dumps, asked)), "utf-8")
    (folder / "teacher.toml").write_text(TEACHER, "utf-8")
    (folder / "student.toml").write_text(STUDENT.replace("{teacher}", str(folder / "teacher.toml")), "utf-8")
    return folder


@pytest.fixture(scope="module")
def start() -> Located:
    return locate(None)


@pytest.fixture(scope="module")
def made(data: Path, start: Located, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stopped and continued run made."""
    folder = tmp_path_factory.mktemp("made")
    recipe = Recipe.load(str(data / "student.toml"))
    said: list[str] = []

    def stop_before_the_teacher(line: str) -> None:
        said.append(line)
        if line.startswith("  teacher: "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(recipe, data, folder / "whole", start, "cpu", stop_before_the_teacher)
    assert not (folder / "whole").exists()
    make(recipe, data, folder / "whole", start, "cpu", said.append)
    assert "first: done before" in said
    return folder / "whole"


def test_what_is_made_ranks_verifies_and_keeps_the_rest(made: Path, start: Located) -> None:
    reranker = CompositionalReranker.from_pretrained(made, device="cpu")
    (verdict,) = reranker.verify("Is bus 4 late?", ["Bus 4 is late."])
    assert verdict.support is not None
    assert verdict.denial is not None
    assert 0 <= verdict.support + verdict.denial <= 1 + 1e-6
    assert reranker.config is not None
    assert start.config is not None
    assert start.folder is not None
    assert reranker.config.verifier.window == 40
    assert reranker.config.structural == start.config.structural
    assert (made / "projection.safetensors").read_bytes() == (
        start.folder / "projection.safetensors"
    ).read_bytes()


def test_the_teachers_answers_are_probabilities(made: Path) -> None:
    answers = load_file(made.with_name("whole.work") / "taught.teacher" / "answers.safetensors")[
        "probabilities"
    ]
    assert answers.shape == (20, 4)
    assert torch.allclose(answers.sum(dim=1), torch.ones(20), atol=1e-3)


def test_a_base_model_may_lie_among_the_data(data: Path, tmp_path: Path, start: Located) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "models" / "all-MiniLM-L6-v2").mkdir(parents=True)
    recipe = Recipe.load(str(data / "teacher.toml"))
    with pytest.raises(CheckpointError, match="models"):
        make(recipe, tmp_path / "data", tmp_path / "out", start, "cpu", lambda _: None)


def test_another_recipe_does_not_go_on_with_these_steps(made: Path, data: Path, start: Located) -> None:
    other = data / "other.toml"
    other.write_text((data / "student.toml").read_text("utf-8").replace("seed = 2", "seed = 9"), "utf-8")
    shutil.copytree(made.with_name("whole.work"), made.with_name("other.work"))
    with pytest.raises(InputError, match="another recipe"):
        make(Recipe.load(str(other)), data, made.with_name("other"), start, "cpu", lambda _: None)
    later = (data / "student.toml").read_text("utf-8").replace("taught = 20", "taught = 21")
    other.write_text(later, "utf-8")
    work = made.with_name("later.work")
    shutil.copytree(made.with_name("whole.work"), work)
    with pytest.raises(InputError, match=r"taught\.\* is a step of another recipe"):
        make(Recipe.load(str(other)), data, made.with_name("later"), start, "cpu", lambda _: None)
    (work / "taught.sha256").unlink()

    def stop_once_the_first_is_done(line: str) -> None:
        if line == "first: done before":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(
            Recipe.load(str(other)), data, made.with_name("later"), start, "cpu", stop_once_the_first_is_done
        )
    with pytest.raises(InputError, match="exists"):
        make(Recipe.load(str(other)), data, made, start, "cpu", lambda _: None)


def test_nothing_starts_without_the_teacher(data: Path, tmp_path: Path, start: Located) -> None:
    text = (data / "student.toml").read_text("utf-8")
    (tmp_path / "a.toml").write_text(text.replace("teacher.toml", "missing.toml"), "utf-8")
    with pytest.raises(DataError, match=r"missing\.toml"):
        make(Recipe.load(str(tmp_path / "a.toml")), data, tmp_path / "out", start, "cpu", lambda _: None)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("right", "wrong", "error", "message"),
    [
        (", taught = 20", "", DataError, "run 'taught' has no rows"),
        ("taught = 20", "taught = 0", DataError, "run 'taught' has no rows"),
        (CALIBRATION, "", DataError, r"\[\[calibration\]\] names nothing to fit on"),
        ('contrast = ["apart"]', "", DataError, r"\[gate\] names nothing to fit on"),
        ("window = 40", "widow = 40", InputError, r"\[reading\] has no widow; it has max_tokens, window,"),
        ("window = 40", "window = 0", CheckpointError, "window"),
    ],
)
def test_nothing_starts_that_could_not_end(
    data: Path, tmp_path: Path, start: Located, right: str, wrong: str, error: type[Exception], message: str
) -> None:
    text = (data / "student.toml").read_text("utf-8")
    assert text.count(right) == 1
    (tmp_path / "a.toml").write_text(text.replace(right, wrong), "utf-8")
    with pytest.raises(error, match=message):
        make(Recipe.load(str(tmp_path / "a.toml")), data, tmp_path / "out", start, "cpu", lambda _: None)
    assert not list(tmp_path.glob("out*"))


def test_the_command_ends_with_expected_and_got(
    made: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps are there already: the command goes on, audits, and its exit code says what held."""
    recipe = data / "student.toml"
    for value, code in (("2", 0), ("3", 1)):
        out = tmp_path / f"out{value}"
        shutil.copytree(made.with_name("whole.work"), out.with_name(out.name + ".work"))
        text = recipe.read_text("utf-8").replace("value = 2", f"value = {value}")
        (data / "again.toml").write_text(text, "utf-8")
        arguments = ["train", "verifier", "--data", str(data), "--recipe", str(data / "again.toml")]
        assert main([*arguments, "--out", str(out), "--device", "cpu"]) == code
        printed = capsys.readouterr().out
        assert ("outside" in printed) == bool(code)
        assert "near_misses/reported/n" in printed
        report = out.with_name(out.name + ".audit.json")
        assert json.loads(report.read_text("utf-8"))["near_misses"]
        report.unlink()  # as if it had been stopped in the audit
        before = (out / "config.json").stat().st_mtime_ns
        assert main([*arguments, "--out", str(out), "--device", "cpu"]) == code
        assert report.exists()
        assert (out / "config.json").stat().st_mtime_ns == before
        capsys.readouterr()
        assert main([*arguments, "--out", str(out), "--device", "cpu"]) == 2
        assert "exists: choose another folder" in capsys.readouterr().err


def test_the_table_names_what_is_outside() -> None:
    recipe = Recipe.load("all-minilm-l6-v2")
    lines = compare(
        type(recipe)(**{**vars(recipe), "expected": (Expected("a/auc", 0.9, 0.01), Expected("b", 0.5, 0.1))}),
        {"a": {"auc": 0.87}, "b": {"value": 0.55, "low": 0.5, "high": 0.6}},
    )
    assert [line.holds for line in lines] == [False, True]
    assert [row.endswith("outside") for row in table(lines).splitlines()] == [False, True, False]
    with pytest.raises(DataError, match="at 'c'"):
        figure_of({"a": 1}, "c/d")
