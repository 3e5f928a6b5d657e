"""Recipes: what they say, what they refuse, and that a source's rows depend on its own name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from compositional_rerank.errors import DataError
from compositional_rerank.training.kinds import KINDS
from compositional_rerank.training.recipe import Recipe, hash_of
from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS

ROOT = Path(__file__).parents[2]
PAIRS = [
    {
        "text1": f"Train {n} leaves before bus {n}.",
        "text2": f"Bus {n} leaves before train {n}.",
        "same": n % 2,
    }
    for n in range(40)
]
HEAD = 'base = "sentence-transformers/all-MiniLM-L6-v2"\nseed = 3\n[[run]]\nname = "first"\n'
SOURCE = '[[source]]\nname = "{0}"\nkind = "pairs"\npath = "{0}.jsonl"\nrows = 10\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        lines = [json.dumps(row) for row in PAIRS]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Recipe:
    file = folder / "recipe.toml"
    file.write_text(text, "utf-8")
    return Recipe.load(str(file))


def test_rows_of_a_source_do_not_depend_on_its_place(data: Path) -> None:
    first = written(data, HEAD + SOURCE.format("a") + SOURCE.format("b"))
    second = written(data, HEAD + SOURCE.format("b") + SOURCE.format("a"))
    alone = written(data, HEAD + SOURCE.format("b"))
    drawn = [{row for row in one.rows(data, "first") if row.source == "b"} for one in (first, second, alone)]
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(drawn[0]) == 10


def test_same_seed_same_rows_and_another_seed_others(data: Path) -> None:
    recipe = written(data, HEAD + SOURCE.format("a"))
    other = dataclasses.replace(recipe, seed=4)
    assert recipe.rows(data, "first") == recipe.rows(data, "first") != other.rows(data, "first")


def test_more_rows_than_there_are_read_the_file_again(data: Path) -> None:
    recipe = written(data, HEAD + SOURCE.format("a").replace("rows = 10", "rows = 90"))
    assert len(recipe.rows(data, "first")) == 90


def test_labels_become_verdicts_that_may_be_right(data: Path) -> None:
    rows = written(data, HEAD + SOURCE.format("a")).rows(data, "first")
    assert {row.verdicts for row in rows} == {SUPPORTS, DENIES | DIFFERS}
    named = written(data, HEAD + SOURCE.format("a") + 'different = ["differs"]\n').rows(data, "first")
    assert {row.verdicts for row in named} == {SUPPORTS, DIFFERS}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("seed = 3\n", "") + SOURCE.format("a"), "seed"),
        (HEAD, "source"),
        (HEAD + SOURCE.format("a").replace('"pairs"', '"rumours"'), "kind 'rumours'"),
        (HEAD + SOURCE.format("a").replace("rows = 10", "rows = -1"), "rows = -1"),
        (HEAD + SOURCE.format("a") + 'different = ["wrong"]\n', "wrong"),
        (HEAD + SOURCE.format("a") + "colour = 1\n", "colour"),
        (HEAD + "learning_rate = 2.0\n" + SOURCE.format("a"), "learning_rate"),
        (HEAD + SOURCE.format("a").replace("rows = 10", "rows = { second = 10 }"), "run 'second'"),
        (HEAD + SOURCE.format("a") + '[report]\npairs = ["a.jsonl"]\n', "both fitted on and reported"),
        (
            HEAD
            + SOURCE.format("a")
            + '[gate]\ncollections = ["beir/x:test"]\n[report]\nbeir = ["beir/x:test"]\n',
            "both fitted on and reported",
        ),
        (
            HEAD + SOURCE.format("a") + '[gate]\nbeir = ["beir/x:test"]\n',
            "gate. has no beir; it has contrast",
        ),
        ("seed = [", "no recipe can be read"),
    ],
)
def test_a_wrong_recipe_is_refused(data: Path, text: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        written(data, text)


def test_a_missing_file_and_a_wrong_hash_are_named(data: Path) -> None:
    right = written(data, HEAD + SOURCE.format("a") + f'sha256 = "{hash_of(data / "a.jsonl")}"\n')
    right.check_files(data)
    with pytest.raises(DataError, match=r"a\.jsonl does not exist"):
        right.check_files(data / "elsewhere")
    wrong = written(data, HEAD + SOURCE.format("a") + 'sha256 = "0"\n')
    with pytest.raises(DataError, match="another version"):
        wrong.check_files(data)
    measured = written(data, HEAD + SOURCE.format("a") + '[report]\nnli = ["missing.jsonl"]\n')
    with pytest.raises(DataError, match="measures on it"):
        measured.check_files(data)


def test_a_teacher_has_no_teacher(data: Path) -> None:
    first = written(data, HEAD + SOURCE.format("a"))
    assert first.teachers() == {}
    (data / "teacher.toml").write_text(
        f'{HEAD}teacher = "{first.file}"\n' + SOURCE.format("a"), encoding="utf-8"
    )
    pupil = written(data, f'{HEAD}teacher = "{data / "teacher.toml"}"\n' + SOURCE.format("a"))
    with pytest.raises(DataError, match="has a teacher itself"):
        pupil.teachers()


def test_no_recipe_of_that_name() -> None:
    with pytest.raises(DataError, match="no recipe 'nonsense'"):
        Recipe.load("nonsense")


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "all-mpnet-base-v2"])
def test_the_projects_recipes_learn_on_no_set_for_measuring(name: str) -> None:
    recipe = Recipe.load(name)
    assert recipe.file.parent == ROOT / "recipes"
    for source in recipe.sources:
        assert not [word for word in ("/dev/", "evaluation") if word in source.path], source.name
        assert not [word for word in ("non-commercial", "-nc") if word in source.licence.lower()], source.name
    assert {source.kind for source in recipe.sources} <= set(KINDS)
    assert sum(sum(source.rows.values()) for source in recipe.sources) > 10_000
    assert not [one for one in recipe.report["beir"] if ":" in one]


def test_the_projects_own_data_is_where_its_recipes_say(tmp_path: Path) -> None:
    recipe = Recipe.load("all-minilm-l6-v2")
    for source in (*recipe.sources, *recipe.calibration):
        if source.path.startswith(".."):
            file = recipe.place(source.path, tmp_path)
            assert file.is_dir()
            assert source.draw(file, next(iter(source.rows)), 1)
