"""Two questions, the shipped verifier: what is the same, what is not, and what nobody can tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, Verdict
from compositional_rerank.errors import InputError

ASKED = "Is the drug safe for children?"
TEXTS = [
    ASKED,
    "Is the drug not safe for children?",
    "May children take the drug?",
    "How long does the warranty last?",
    "Tell me how long the warranty lasts.",
    "drug safety children",
    "Ist das Mittel für Kinder sicher?",
    "x = f(y); z = {}",
    "",
]


@pytest.fixture(scope="module")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


def test_a_denial_is_another_question(shipped: CompositionalReranker) -> None:
    found = shipped.same_question(ASKED, "Is the drug not safe for children?")
    assert found.verdict in ("denies", "differs")
    assert found.mismatch is not None
    assert found.mismatch > 0.5
    assert found.evidence == (0, len(ASKED))


@pytest.mark.parametrize(
    "text", ["drug safety children", "x = f(y); z = {}", "Ist das Mittel sicher?", "What is it?"]
)
def test_identical_texts_are_the_same_whatever_they_are(shipped: CompositionalReranker, text: str) -> None:
    found = shipped.same_question(text, f" {text}\n".replace(" ", "  "))
    assert (found.verdict, found.support, found.denial, found.mismatch) == ("supports", 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "drug safety children",
        "Ist das Mittel für Kinder nicht sicher?",
        "x = f(y); z = {}",
        "Is it?",
        "",
        "  ",
    ],
)
def test_what_cannot_be_judged_has_no_verdict(shipped: CompositionalReranker, text: str) -> None:
    assert shipped.same_questions([text, ASKED], [ASKED, text]) == [Verdict(), Verdict()]


def test_blank_texts_are_not_the_same_question(shipped: CompositionalReranker) -> None:
    assert shipped.same_question("", " ") == Verdict()


def test_questions_too_long_to_be_read_whole_have_no_verdict(shipped: CompositionalReranker) -> None:
    story = "The parcel was sent back to the depot once more. " * 30
    one, other = f"{story}Is it there?", f"{story}Is it not there?"
    assert shipped.same_question(one, other) == Verdict()
    assert shipped.same_question(one, one).verdict == "supports"


def test_context_is_read_with_the_question(shipped: CompositionalReranker) -> None:
    """Every sentence counts, also one that is far from the question in a longer text."""
    middle = "I bought it in spring and I like it. The box is still here. "
    one = f"My plan is the basic one. {middle}Do I have phone support?"
    other = f"My plan is the premium one. {middle}Do I have phone support?"
    found, same = shipped.same_questions([one, one], [other, one])
    assert found.support is not None
    assert same.support == 1.0
    assert found.support < 1.0


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)), max_size=6))
def test_sameness_has_no_direction_and_no_neighbours(
    shipped: CompositionalReranker, pairs: list[tuple[str, str]]
) -> None:
    cached, new = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = shipped.same_questions(cached, new)
    turned = shipped.same_questions(new, cached)
    assert len(found) == len(pairs)
    for one, other, pair in zip(found, turned, pairs, strict=True):
        alone = shipped.same_question(*pair)
        for value in (other, alone):
            assert (value.support is None) == (one.support is None)
            assert value.support is None or value.support == pytest.approx(one.support, abs=0.02)
        assert one.support is None or 0 <= one.support <= 1


def test_wrong_values_are_named(shipped: CompositionalReranker) -> None:
    with pytest.raises(InputError, match=r"cached has 1 texts and new has 2"):
        shipped.same_questions([ASKED], [ASKED, ASKED])
    with pytest.raises(InputError, match=r"new\[0\] must be a str, got int"):
        shipped.same_questions([ASKED], [3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="cached must be a list of str"):
        shipped.same_questions(ASKED, [ASKED])
    assert shipped.same_questions([], []) == []


def test_without_a_verifier_nothing_is_compared(reranker: CompositionalReranker) -> None:
    with pytest.raises(InputError, match="has no verifier"):
        reranker.same_question(ASKED, ASKED)
