"""A user's passages as training data: what a rule is sure of, and what is left to the checkpoint."""

from __future__ import annotations

import pytest

from compositional_rerank.errors import DataError, InputError
from compositional_rerank.training.corpus import corpus_rows
from compositional_rerank.training.neighbours import similarities
from compositional_rerank.training.rows import ANY, DENIES, DIFFERS, SILENT, SUPPORTS, Row

THINGS = "boiler lift garage cellar roof fence oven window garden heating".split()
ACTS = "repairs cleans checks paints rents insures measures photographs".split()
PASSAGES = [
    f"In March {1990 + place} the owner of house {number} {act} the {thing} again.\n"
    f"Who pays Anna Stahl for the {thing} of house {number}? Nobody {act} it for fewer than {number} euros."
    for number, (place, thing, act) in enumerate(
        ((place, thing, act) for place, thing in enumerate(THINGS) for act in ACTS), start=100
    )
]
KINDS = {
    "a statement in its own passage: supports": SUPPORTS,
    "a question or heading in its own passage: not labelled": ANY,
    "the closest other passage: not labelled": ANY,
    "a far passage: silent": SILENT,
    "another name or number: no support": DENIES | DIFFERS | SILENT,
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return corpus_rows(PASSAGES, 600, seed=1)[0]


def test_the_seed_fixes_the_rows(rows: list[Row]) -> None:
    assert corpus_rows(PASSAGES, 600, seed=1)[0] == rows
    assert corpus_rows(PASSAGES, 600, seed=2)[0] != rows


def test_where_rows_come_from_is_counted(rows: list[Row]) -> None:
    again, counts = corpus_rows(PASSAGES, 600, seed=1)
    assert sum(counts.values()) == len(again) == 600
    assert set(counts) == set(KINDS)
    assert all(count == sum(row.source == kind for row in again) for kind, count in counts.items())
    assert min(counts.values()) >= 30
    assert len(corpus_rows(PASSAGES, 10**6, seed=1)[0]) <= 4 * 3 * len(PASSAGES)


def test_only_what_is_sure_is_labelled(rows: list[Row]) -> None:
    for row in rows:
        asks = row.query.endswith("?") and row.source.startswith("another")  # which no other name denies
        assert row.verdicts == KINDS[row.source] & ~(DENIES if asks else 0)
    texts = [" ".join(passage.split()) for passage in PASSAGES]
    for row in rows:
        own = [text for text in texts if row.query in text]
        kind = row.source
        if "own passage" in kind:
            assert row.query in row.evidence
            assert row.query.endswith("?") == ("question" in kind)
        elif "name or number" in kind:
            assert not own or row.evidence not in own[0]
        else:
            assert own
            assert row.evidence not in own[0]
            assert any(row.evidence in text for text in texts)
    exact = [row.query == row.evidence for row in rows if row.verdicts == SUPPORTS]
    assert 0 < sum(exact) < len(exact)


def test_the_closest_passage_is_closer_than_the_far_one(rows: list[Row]) -> None:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row.query, {})[row.source] = row.evidence
    both = [
        (query, one["the closest other passage: not labelled"], one["a far passage: silent"])
        for query, one in found.items()
        if {"the closest other passage: not labelled", "a far passage: silent"} <= one.keys()
    ]
    assert len(both) > 50
    texts = [text for _, *others in both for text in others]
    for place, near in enumerate(similarities([query for query, *_ in both], texts)):
        assert near[2 * place] > near[2 * place + 1]


@pytest.mark.parametrize(
    ("passages", "said"),
    [
        ([], "hold 0 different sentences of 20 to 240 characters, and at least 200 are needed"),
        (["Too short.", "word " * 200, *PASSAGES[:3], *PASSAGES[:3]], "hold 9 different sentences"),
        ([" ".join(PASSAGES * 2)], "all sentences are of one passage, and at least 2 are needed"),
    ],
)
def test_a_corpus_that_is_too_small_is_refused(passages: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        corpus_rows(passages, 10, seed=0)


@pytest.mark.parametrize("count", [0, -5])
def test_rows_must_be_positive(count: int) -> None:
    with pytest.raises(InputError, match=f"rows is {count}: ask for at least 1"):
        corpus_rows(PASSAGES, count, seed=0)
