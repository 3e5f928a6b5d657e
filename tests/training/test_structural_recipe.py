"""Recipes of the structural part: every kind makes rows, the shipped one is clean, and the rows train."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from compositional_rerank import StructuralEmbedder
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.errors import DataError
from compositional_rerank.training.embedder import train_structural
from compositional_rerank.training.structural_recipe import StructuralRecipe

THINGS = "dog horse clock lamp train bridge doctor ladder window garden".split()
HEAD = """seed = 1
[training]
batch_size = 8
epochs = 0.06
[structural]
dimension = 8
width = 8
depth = 1
longest = 32
sensitivity = 0.5
follow = 20
paraphrase = 30
fall = 1
rank = 10
drop = 0.3
margin = 0.15
"""
KINDS = ["answers", "inference", "pairs", "passages", "triples"]


def jsonl(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    pairs = [
        (f"The {a} follows the {b}.", f"The {b} follows the {a}.") for a in THINGS for b in THINGS if a < b
    ]
    same = [(first, first.replace("follows", "comes after")) for first, _ in pairs]
    jsonl(
        folder / "pairs.jsonl",
        [
            {"text1": a, "text2": b, "same": int(kind)}
            for kind, some in enumerate((pairs, same))
            for a, b in some
        ],
    )
    jsonl(
        folder / "inference.jsonl",
        [
            {"premise": f"A {thing} stands in the old town.", "hypothesis": text, "label": label}
            for thing in THINGS
            for text, label in (
                (f"There is a {thing} in town.", "entailment"),
                (f"There is no {thing} in town.", "contradiction"),
                (f"The {thing} in town is neutral.", "neutral"),
            )
        ],
    )
    jsonl(
        folder / "triples.jsonl",
        [{"anchor": a, "positive": a.replace("the", "that"), "negative": b} for a, b in pairs],
    )
    answers = [
        {
            "query": f"Where is the {one}?",
            "passage": f"Since May the {one} is kept behind the house of number {n}.",
        }
        for n, one in enumerate(THINGS)
    ]
    jsonl(folder / "answers.jsonl", answers)
    jsonl(folder / "passages.jsonl", answers)
    return folder


def recipe(folder: Path, *sources: dict[str, Any], head: str = HEAD) -> StructuralRecipe:
    lines = [head]
    for source in sources:
        fields = {"name": source["kind"], "path": f"{source['kind']}.jsonl", "rows": 6, **source}
        lines.append(
            "[[source]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
        )
    (folder / "mine.toml").write_text("\n".join(lines), encoding="utf-8")
    return StructuralRecipe.load(str(folder / "mine.toml"))


def words(text: str) -> list[str]:
    return sorted(text.lower().rstrip(".").split())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_rows_that_the_seed_fixes(data: Path, tmp_path: Path, kind: str) -> None:
    rows = recipe(tmp_path, {"kind": kind}).rows(data)
    assert len(rows) == 6
    for row in rows:
        assert row.anchor.strip()
        assert row.positive or row.negative
        assert row.near_miss == int(kind not in ("answers", "passages"))
        assert len({row.anchor, row.positive, row.negative}) == 3
        assert "neutral" not in row.anchor + row.positive + row.negative
    assert recipe(tmp_path, {"kind": kind}).rows(data) == rows
    assert recipe(tmp_path, {"kind": kind}, head=HEAD.replace("seed = 1", "seed = 2")).rows(data) != rows


def test_pairs_that_share_a_text_make_whole_triples(data: Path, tmp_path: Path) -> None:
    rows = recipe(tmp_path, {"kind": "pairs", "rows": 90}).rows(data)
    whole = [row for row in rows if row.positive and row.negative]
    assert len(whole) == 45
    assert all(words(row.anchor) == words(row.negative) for row in whole)
    assert all("comes after" in row.positive for row in whole)


def test_what_it_makes_trains_and_the_base_vectors_stay(
    data: Path, tmp_path: Path, checkpoint_folder: Path, base_folder: Path
) -> None:
    found = recipe(tmp_path, *({"kind": kind, "rows": 50} for kind in KINDS))
    assert found.structural is not None
    out = train_structural(
        found.rows(data),
        locate(checkpoint_folder),
        tmp_path / "out",
        settings=found.training,
        structural=found.structural,
        device="cpu",
    )
    texts = ["Rome is closer than Paris", "The dog follows the horse."]
    vectors = StructuralEmbedder.from_pretrained(str(out), device="cpu", sensitivity=None).encode_query(texts)
    base = SentenceTransformer(str(base_folder), device="cpu").encode(texts, normalize_embeddings=True)
    assert vectors.shape == (2, 392)
    assert np.abs(vectors[:, 384:]).max() > 0
    kept = vectors[:, :384] / np.linalg.norm(vectors[:, :384], axis=1, keepdims=True)
    np.testing.assert_allclose(kept, base, atol=1e-5)


def test_the_shipped_recipe_names_a_licence_and_no_development_or_test_data() -> None:
    found = StructuralRecipe.load("structural")
    assert found.structural is not None
    assert len({source.name for source in found.sources}) == len(found.sources)
    for source in found.sources:
        assert source.licence.strip()
        assert "non-commercial" not in source.licence.lower()
        assert "NC" not in source.licence
        path = Path(source.path)
        assert not path.is_absolute()
        assert not {"dev", "test", "..", "~"} & set(path.parts), source
        assert source.sha256 is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "guesses"}, r"source 'guesses' has kind 'guesses'; the kinds are \['answers', "),
        ({"kind": "pairs", "rows": 0}, "source 'pairs' has rows = 0; at least 1 is needed"),
        ({"kind": "pairs", "rows": "many"}, "source 'pairs' has rows = 'many'"),
        ({"kind": "pairs", "colour": "red"}, "colour"),
        (
            {"kind": "pairs", "path": "none.jsonl"},
            r"none\.jsonl does not exist: recipe source 'pairs' needs it",
        ),
        ({"kind": "pairs", "sha256": "0"}, r"pairs\.jsonl has sha256 .*, recipe source 'pairs' wants 0"),
        ({"kind": "answers", "path": "pairs.jsonl"}, r"pairs\.jsonl:1: field 'query' must be a text"),
    ],
)
def test_a_wrong_source_is_named(data: Path, tmp_path: Path, source: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        recipe(tmp_path, source).rows(data)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("", "has no 'seed'|has no 'source'"),
        ("seed = 1\n", "has no 'source'"),
        ("seed = ", "no recipe can be read"),
        ("seed = 1\nsource = []\n[training]\nepochs = -1", "epochs is out of range"),
        ("seed = 1\nsource = []\n[training]\nspeed = 1", "speed"),
        (
            "seed = 1\nsource = []\n" + HEAD[HEAD.index("[structural]") :].replace("0.5", "0"),
            "sensitivity is out",
        ),
        ("seed = 1\nsource = []\n[structural]\nwidth = 8", "missing 10 required"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, head: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        recipe(tmp_path, head=head)


def test_one_passage_has_no_other(data: Path, tmp_path: Path) -> None:
    jsonl(data / "answers.jsonl", [{"query": "Who?", "passage": "The dog."}] * 3)
    with pytest.raises(DataError, match="at least two passages"):
        recipe(tmp_path, {"kind": "answers"}).rows(data)
