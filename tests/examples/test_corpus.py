"""The example corpus is sound, and embedding search falls for some of its near-misses."""

import json
from collections import Counter
from pathlib import Path

import pytest

from compositional_rerank import StructuralEmbedder

CORPUS = Path(__file__).parents[2] / "examples" / "corpus"
EDIT_TYPES = set("negation role binding spatial temporal numeric quantifier version other".split())


def read(name):
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def passages():
    return read("passages.jsonl")


@pytest.fixture(scope="module")
def queries():
    return read("queries.jsonl")


def test_passages_have_their_own_ids_titles_and_texts(passages):
    assert len(passages) >= 150
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
        assert bool(entry["near_misses"]) == (entry["form"] != "keywords")
    assert {entry["edit_type"] for entry in queries} == {*EDIT_TYPES, None}


def test_people_ask_in_every_form_and_some_answers_are_no(queries):
    forms = Counter(entry["form"] for entry in queries)
    assert len(queries) >= 60
    assert set(forms) == {"yes_no", "question", "statement", "keywords"}
    assert forms["yes_no"] >= 20
    assert all(("truth" in entry) == (entry["form"] == "yes_no") for entry in queries)
    truths = Counter(entry["truth"] for entry in queries if "truth" in entry)
    assert set(truths) == {"yes", "no"}
    assert min(truths.values()) >= 8
    assert sum(". " in entry["query"] for entry in queries) >= 8, "questions with a sentence before them"


def test_embedding_search_puts_some_near_misses_above_the_right_passage(passages, queries):
    embedder = StructuralEmbedder.from_pretrained()
    vectors = embedder.encode_document([f"{passage['title']}\n\n{passage['text']}" for passage in passages])
    edited = [entry for entry in queries if entry["near_misses"]]
    cosines = embedder.encode_query([entry["query"] for entry in edited]) @ vectors.T
    place = {passage["id"]: place for place, passage in enumerate(passages)}
    fooled = sum(
        max(row[place[name]] for name in entry["near_misses"])
        > min(row[place[name]] for name in entry["relevant"])
        for row, entry in zip(cosines, edited, strict=True)
    )
    assert fooled >= 10, f"a near-miss is above a right passage for {fooled} of {len(edited)} queries"


def test_cache_requests_are_of_three_kinds_and_ask_nothing_twice():
    requests = read("cache_requests.jsonl")
    assert Counter(entry["kind"] for entry in requests) == {"same": 400, "near-miss": 400, "new": 200}
    cached = {entry["cached"] for entry in requests} - {None}
    assert len(cached) == 100
    assert len({entry["request"] for entry in requests} | cached) == 1100
    for entry in requests:
        assert list(entry) == ["request", "kind", "cached"]
        assert (entry["cached"] is None) == (entry["kind"] == "new")
