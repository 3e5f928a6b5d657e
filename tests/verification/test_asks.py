"""From a query to what it asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.verification.asks import Ask, asks_of

SENTENCES = [
    "My basic plan has no phone support.",
    "It costs nine euros.",
    "Does the premium plan have it?",
    "Who answers the phone?",
    "Phone support.",
    "The office opens at nine.",
    "Das Büro ist nicht mehr da und macht nicht auf.",
]


def asked(query: str) -> list[Ask]:
    return asks_of(query, sentence_spans(query))


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_what_stands_around_a_question_is_its_context_and_is_not_asked(order: tuple[int, ...]) -> None:
    query = " ".join(SENTENCES[place] for place in order)
    assert asked(query) == [Ask(query, "yes_no", (0, 1, 2))]


def test_every_question_has_the_context_after_the_last_one_and_the_last_has_the_rest() -> None:
    query = f"{SENTENCES[0]} {SENTENCES[2]} {SENTENCES[5]} {SENTENCES[3]} {SENTENCES[1]}"
    first, second = asked(query)
    assert (first.text, first.form, first.sentences) == (" ".join(SENTENCES[:3:2]), "yes_no", (0, 1))
    assert (second.text, second.form) == (f"{SENTENCES[5]} {SENTENCES[3]} {SENTENCES[1]}", "question")
    assert second.sentences == (2, 3, 4)


def test_a_long_context_is_left_out() -> None:
    query = f"{'The office opens at nine. ' * 20}{SENTENCES[3]}"
    assert asked(query) == [Ask(SENTENCES[3], "question", (20,))]


def test_without_a_question_every_statement_counts() -> None:
    query = f"{SENTENCES[5]} {SENTENCES[0]}"
    assert asked(query) == [Ask(SENTENCES[5], "statement", (0,)), Ask(SENTENCES[0], "statement", (1,))]


def test_a_statement_that_points_back_is_read_with_what_it_points_at() -> None:
    query = f"{SENTENCES[5]} It closes at six."
    assert asked(query)[1] == Ask(query, "statement", (1,))
    assert asked("It closes at six.") == [Ask("It closes at six.", "statement", (0,))]


def test_a_question_without_content_is_not_asked_by_itself() -> None:
    assert [ask.text for ask in asked("Is the drug safe for children? Why?")] == [
        "Is the drug safe for children?"
    ]


@pytest.mark.parametrize(
    "query", ["refund policy", "What is it?", "", SENTENCES[6], "日本 の 首都", "a[0]->b();"]
)
def test_nothing_is_asked(query: str) -> None:
    assert asked(query) == []


@given(st.lists(st.sampled_from(SENTENCES), max_size=6))
def test_asks_are_pieces_of_the_query_and_of_one_sort(sentences: list[str]) -> None:
    query = " ".join(sentences)
    spans = sentence_spans(query)
    found = asks_of(query, spans)
    forms = {ask.form for ask in found}
    assert "keywords" not in forms
    assert forms <= {"statement"} or "statement" not in forms
    for ask in found:
        assert ask.text in query
        assert ask.sentences
        assert all(query[slice(*spans[place])] in ask.text for place in ask.sentences)
    if "statement" not in forms:
        places = [place for ask in found for place in ask.sentences]
        assert places == sorted(set(places))  # no sentence is read with two questions
