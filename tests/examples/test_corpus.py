"""The example corpus is sound, and plain embedding search really falls for its near-misses."""

import json
from pathlib import Path

import numpy as np
import pytest

from compositional_rerank import StructuralEmbedder

CORPUS = Path(__file__).parents[2] / "examples" / "corpus"
EDIT_TYPES = {"negation", "role", "binding", "spatial", "temporal", "numeric", "quantifier"}


def read(name):
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def passages():
    return read("passages.jsonl")


@pytest.fixture(scope="module")
def queries():
    return read("queries.jsonl")


def test_passages_have_their_own_ids_titles_and_texts(passages):
    assert len(passages) >= 80
    assert all(list(passage) == ["id", "title", "text", "topic"] for passage in passages)
    for field in ("id", "title", "text"):
        assert len({passage[field] for passage in passages}) == len(passages)


def test_queries_name_known_passages_and_cover_every_edit_type(passages, queries):
    known = {passage["id"] for passage in passages}
    assert len({entry["query"] for entry in queries}) == len(queries)
    for entry in queries:
        named = entry["relevant"] + entry["near_misses"]
        assert entry["relevant"]
        assert known.issuperset(named)
        assert len(set(named)) == len(named)
        assert bool(entry["near_misses"]) == (entry["edit_type"] is not None)
    assert {entry["edit_type"] for entry in queries} == {*EDIT_TYPES, None}


def test_embedding_search_puts_near_misses_first(passages, queries):
    embedder = StructuralEmbedder.from_pretrained()
    vectors = embedder.encode_document([passage["text"] for passage in passages])
    edited = [entry for entry in queries if entry["near_misses"]]
    places = np.argsort(-(embedder.encode_query([entry["query"] for entry in edited]) @ vectors.T), axis=1)
    firsts = [passages[place]["id"] for place in places[:, 0]]
    fooled = sum(first in entry["near_misses"] for first, entry in zip(firsts, edited, strict=True))
    assert fooled >= 30, f"a near-miss is first for {fooled} of {len(edited)} queries"
