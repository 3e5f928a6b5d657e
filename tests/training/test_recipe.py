"""Recipes: the shipped ones are clean, a user's own are checked, and a seed fixes what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank.errors import DataError
from compositional_rerank.training.recipe import Recipe

SHIPPED = sorted(
    file.name.removesuffix(".toml")
    for file in (files("compositional_rerank.training") / "recipes").iterdir()
    if file.name.endswith(".toml")
)
LEFT_OUT = {"qqp", "mrpc", "multi30k_captions", "flickr30k", "scifact", "nfcorpus"}
SENTENCES = [
    "The old dog bit the young man in the garden behind the house, and the neighbour called a doctor.",
    "Rome is closer to Naples than Paris, which is why the train takes less than two hours.",
    "The ministry said that 40 of the 60 new buses were not delivered before the end of May.",
    "A red cup stands on a blue plate next to the window of the small kitchen.",
    "Every driver must show the licence before the car leaves the yard in the morning.",
    "Two boys are sitting beneath the bridge, watching the boats alongside the pier.",
]


def jsonl(file: Path, rows: list[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    pairs = [{"text1": text, "text2": text[::-1], "same": n % 2} for n, text in enumerate(SENTENCES)]
    jsonl(folder / "pairs.jsonl", pairs)
    labels = ["entailment", "neutral", "contradiction", "non-entailment", "entailment", "neutral"]
    nli = [{"premise": t, "hypothesis": t[:30], "label": y} for t, y in zip(SENTENCES, labels, strict=True)]
    jsonl(folder / "nli.jsonl", nli)
    answers = [{"query": f"Who said that {t[:40]}?", "passage": t} for t in SENTENCES]
    jsonl(folder / "answers.jsonl", answers)
    return folder


def recipe(folder: Path, *sources: dict[str, Any], head: str = "seed = 1\n") -> str:
    """Write a recipe; its name for `Recipe.load`."""
    lines = [head]
    for source in sources:
        fields = {"name": "mine", "rows": 6, "licence": "CC0", **source}
        lines.append("[[source]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in fields.items()))
    file = folder / "mine.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def test_the_package_ships_recipes() -> None:
    assert {"first", "second"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sources_state_a_licence_that_allows_use(name: str) -> None:
    for source in Recipe.load(name).sources:
        assert source.licence.strip(), source
        assert "non-commercial" not in source.licence.lower(), source
        assert "NC" not in source.licence, source
        assert source.path is None or not LEFT_OUT & {*Path(source.path).parts, Path(source.path).stem}, (
            source
        )


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_read_no_development_or_test_data(name: str) -> None:
    for source in Recipe.load(name).sources:
        if source.path is not None:
            path = Path(source.path)
            assert not path.is_absolute(), source
            assert not {"dev", "test", "..", "~"} & set(path.parts), source
            assert "dev" not in path.stem.split("_"), source


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sources_of_edits_name_a_field(name: str) -> None:
    assert all(source.field for source in Recipe.load(name).sources if source.kind == "edits")


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("pairs", "pairs.jsonl"),
        ("inference", "nli.jsonl"),
        ("edits", "pairs.jsonl"),
        ("captions", "pairs.jsonl"),
        ("templates", None),
        ("answers", "answers.jsonl"),
        ("topics", "answers.jsonl"),
        ("related", "answers.jsonl"),
        ("clauses", "answers.jsonl"),
    ],
)
def test_every_kind_makes_pairs_that_the_seed_fixes(
    data: Path, tmp_path: Path, kind: str, file: str | None
) -> None:
    source: dict[str, Any] = {"kind": kind, "field": "text1"}
    if file:
        source["path"] = file
    name = recipe(tmp_path, source)
    pairs = Recipe.load(name).pairs(data)
    assert pairs
    assert len(pairs) <= 6
    assert {pair.mismatch for pair in pairs} <= {0, 1}
    assert all(pair.query.strip() and pair.passage.strip() for pair in pairs)
    assert Recipe.load(name).pairs(data) == pairs
    other = recipe(tmp_path, source, head="seed = 2\n")
    assert Recipe.load(other).pairs(data) != pairs


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("pairs", "pairs.jsonl"),
        ("inference", "agreeing.jsonl"),
        ("edits", "pairs.jsonl"),
        ("captions", "pairs.jsonl"),
        ("looks", "pairs.jsonl"),
        ("templates", None),
        ("reworded", None),
        ("answers", "answers.jsonl"),
        ("topics", "answers.jsonl"),
        ("related", "answers.jsonl"),
    ],
)
def test_every_kind_of_stage_one_makes_rows_that_the_seed_fixes(
    data: Path, tmp_path: Path, kind: str, file: str | None
) -> None:
    nli = [
        {"premise": text, "hypothesis": f"{text[:30]} {n} {label}", "label": label}
        for n, text in enumerate(SENTENCES)
        for label in ("entailment", "contradiction", "neutral")
    ]
    jsonl(data / "agreeing.jsonl", nli)
    source: dict[str, Any] = {"kind": kind, "field": "text1", "rows": 4}
    if file:
        source["path"] = file
    name = recipe(tmp_path, source)
    rows = Recipe.load(name).triples(data)
    assert 0 < len(rows) <= 4
    for row in rows:
        assert row.anchor.strip()
        assert row.positive or row.negative
        assert row.near_miss == int(kind not in {"answers", "topics", "related"})
        assert row.anchor != row.negative
        assert "neutral" not in row.positive + row.negative
    assert Recipe.load(name).triples(data) == rows
    other = recipe(tmp_path, source, head="seed = 2\n")
    assert Recipe.load(other).triples(data) != rows


@pytest.mark.parametrize(("kind", "read"), [("templates", Recipe.pairs), ("reworded", Recipe.triples)])
def test_families_of_templates(
    data: Path, tmp_path: Path, kind: str, read: Callable[[Recipe, Path], list[Any]]
) -> None:
    source = {"kind": kind, "rows": 40, "families": ["e_push_uphill"]}
    rows = read(Recipe.load(recipe(tmp_path, source)), data)
    assert len(rows) >= 20
    anchors = [row.query if kind == "templates" else row.anchor for row in rows]
    assert all("hill" in anchor or "slope" in anchor for anchor in anchors), anchors


@pytest.mark.parametrize("field", ["families", "edit_types"])
@pytest.mark.parametrize("value", ["role", ["role", 3]])
def test_families_and_edit_types_are_lists_of_texts(tmp_path: Path, field: str, value: Any) -> None:
    name = recipe(tmp_path, {"kind": "templates", field: value})
    with pytest.raises(DataError, match=f"'mine' has {field} .*; a list of texts is needed"):
        Recipe.load(name)


@pytest.mark.parametrize("value", [["role", "colour"], []])
def test_edit_types_are_known(tmp_path: Path, value: list[str]) -> None:
    name = recipe(tmp_path, {"kind": "templates", "edit_types": value})
    with pytest.raises(DataError, match=r"'mine' has edit_types .*; choose from .*role"):
        Recipe.load(name)


@pytest.mark.parametrize(("kind", "read"), [("templates", Recipe.pairs), ("reworded", Recipe.triples)])
def test_edit_types_of_templates(
    data: Path, tmp_path: Path, kind: str, read: Callable[[Recipe, Path], list[Any]]
) -> None:
    source = {"kind": kind, "rows": 40, "families": ["e_push_uphill", "g_birthorder"]}
    for edit_type, hilly in (("spatial", True), ("numeric", False)):
        rows = read(Recipe.load(recipe(tmp_path, {**source, "edit_types": [edit_type]})), data)
        anchors = [row.query if kind == "templates" else row.anchor for row in rows]
        assert len(anchors) >= 20
        assert all(("hill" in anchor or "slope" in anchor) == hilly for anchor in anchors), anchors


@pytest.mark.parametrize(
    ("kind", "read", "what"), [("clauses", Recipe.triples, "embedder"), ("looks", Recipe.pairs, "verifier")]
)
def test_a_kind_of_the_other_stage_is_named(
    data: Path, tmp_path: Path, kind: str, read: Callable[[Recipe, Path], Any], what: str
) -> None:
    name = recipe(tmp_path, {"kind": kind, "path": "answers.jsonl", "field": "passage"})
    with pytest.raises(DataError, match=f"'mine' has kind '{kind}', which `train {what}` cannot read"):
        read(Recipe.load(name), data)


def test_the_structural_part_of_a_recipe(tmp_path: Path) -> None:
    head = "seed = 5\n[structural]\ndimension = 32\nsensitivity = 0.25\n"
    structural = Recipe.load(recipe(tmp_path, {"kind": "templates"}, head=head)).structural
    assert (structural.dimension, structural.sensitivity, structural.depth) == (32, 0.25, 2)


def test_small_sources_are_read_again_until_there_are_enough(data: Path, tmp_path: Path) -> None:
    name = recipe(tmp_path, {"kind": "pairs", "path": "pairs.jsonl", "rows": 12})
    assert len(Recipe.load(name).pairs(data)) == 12


def test_training_settings_of_a_recipe(tmp_path: Path) -> None:
    head = "seed = 5\n[training]\nlearning_rate = 5e-5\nstop_after = 7\n"
    training = Recipe.load(recipe(tmp_path, {"kind": "templates"}, head=head)).training
    assert (training.seed, training.learning_rate, training.stop_after) == (5, 5e-5, 7)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "guesses"}, r"source 'mine' has kind 'guesses'; the kinds are \['answers', "),
        ({"kind": "pairs", "rows": 0}, "source 'mine' wants 0 rows"),
        ({"kind": "pairs", "rows": "many"}, "source 'mine' wants 'many' rows"),
        ({"kind": "pairs", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_source_is_named(tmp_path: Path, source: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Recipe.load(recipe(tmp_path, source))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("", "has no 'seed'"),
        ("seed = 1\n", "has no 'source'"),
        ("seed = ", "no recipe can be read"),
        ("seed = 1\nsource = 3", "no recipe can be read"),
        ("seed = 1\nsource = []\n[training]\nepochs = -1", "epochs is out of range"),
        ("seed = 1\nsource = []\n[training]\nspeed = 1", "speed"),
        ("seed = 1\nsource = []\n[structural]\nsensitivity = 0", "sensitivity is out of range"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, head: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Recipe.load(recipe(tmp_path, head=head))


def test_a_recipe_that_does_not_exist() -> None:
    with pytest.raises(DataError, match="no recipe can be read from hundredth"):
        Recipe.load("hundredth")


def test_missing_data_is_said_before_any_work(data: Path, tmp_path: Path) -> None:
    sources = [{"kind": "templates", "rows": 10**9}, {"kind": "pairs", "path": "none.jsonl"}]
    with pytest.raises(DataError, match=r"none\.jsonl does not exist: recipe source 'mine' needs it"):
        Recipe.load(recipe(tmp_path, *sources)).pairs(data)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "pairs"}, "needs a path"),
        ({"kind": "edits", "path": "pairs.jsonl"}, "needs a field"),
        (
            {"kind": "edits", "path": "pairs.jsonl", "field": "same"},
            r"pairs\.jsonl:1: field 'same' must be a text",
        ),
        ({"kind": "answers", "path": "pairs.jsonl"}, r"pairs\.jsonl:1: field 'query' must be a text"),
        ({"kind": "topics", "path": "pairs.jsonl"}, r"pairs\.jsonl:1: field 'passage' must be a text"),
        ({"kind": "inference", "path": "pairs.jsonl"}, r"pairs\.jsonl:1: field 'hypothesis' must be a text"),
    ],
)
def test_a_file_of_another_form_is_named(
    data: Path, tmp_path: Path, source: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Recipe.load(recipe(tmp_path, source)).pairs(data)


def test_one_passage_has_no_other(tmp_path: Path) -> None:
    jsonl(tmp_path / "one.jsonl", [{"query": "Who?", "passage": "The dog."}] * 3)
    with pytest.raises(DataError, match="at least two passages"):
        Recipe.load(recipe(tmp_path, {"kind": "answers", "path": "one.jsonl"})).pairs(tmp_path)
