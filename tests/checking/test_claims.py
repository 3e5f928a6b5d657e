"""What of an answer is checked, and as what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.checking.claims import claims_of
from compositional_rerank.checking.markup import blocks_of, plain


def read(answer: str) -> dict[str, str | None]:
    """Each sentence of an answer -> what is checked."""
    return {answer[slice(*claim.span)]: claim.text for claim in claims_of(answer)}


def test_each_sentence_is_a_claim() -> None:
    assert read("The drug is safe. Dr. Lee gave 5 mg of it.") == {
        "The drug is safe.": "The drug is safe.",
        "Dr. Lee gave 5 mg of it.": "Dr. Lee gave 5 mg of it.",
    }


@pytest.mark.parametrize(
    "answer",
    [
        "Is the drug safe?",
        "Yes.",
        "It is.",
        "Safety of the drug",
        "# The drug is safe",
        "**Coverage**",
        "The following drugs are safe:",
        "I could not find anything about the drug.",
        "I'm sorry, the drug is not known to me.",
        "Let me know if you need more.",
        "I hope this helps!",
        "Das Mittel ist für Kinder nicht sicher.",
        "| drug | is safe |",
        "---",
        "```\nThe drug is safe.\n```",
        "~~~\nThe drug is safe.\n\nIt is.",
        "    drug = is_safe",
        "[1]",
        "- ",
        "*",
    ],
)
def test_what_has_nothing_to_check(answer: str) -> None:
    assert set(read(answer).values()) <= {None}


def test_a_pronoun_needs_the_last_sentence_without_one() -> None:
    found = claims_of("The kettle is red. It has a lid. This is made of steel. Is it safe? They say so.")
    assert [claim.text for claim in found] == [
        "The kettle is red.",
        "The kettle is red. It has a lid.",
        "The kettle is red. This is made of steel.",
        None,
        "The kettle is red. They say so.",
    ]
    assert [claim.context for claim in found] == [0, 19, 19, 0, 19]


def test_nothing_long_is_put_before_a_pronoun() -> None:
    long = "The kettle is red" + " and so is the toaster" * 20 + "."
    assert claims_of(f"{long} It has a lid.")[1].text == "It has a lid."


def test_nothing_stands_before_the_first_pronoun() -> None:
    assert read("It is closed on Sundays.") == {"It is closed on Sundays.": "It is closed on Sundays."}


def test_lists() -> None:
    answer = (
        "The policy covers the following:\n"
        "- fire\n"
        "  * **theft** and hail,\n"
        "3) storms.\n"
        "- The car is covered, too.\n"
        "\n"
        "It does not cover:\n"
        "1. floods\n"
        "\n"
        "Ask the desk.\n"
        "- blue forms\n"
    )
    assert read(answer) == {
        "The policy covers the following:": None,
        "fire": "The policy covers the following: fire.",
        "**theft** and hail,": "The policy covers the following: theft and hail.",
        "storms.": "The policy covers the following: storms.",
        "The car is covered, too.": "The car is covered, too.",
        "It does not cover:": None,
        "floods": "The car is covered, too. It does not cover: floods.",
        "Ask the desk.": "Ask the desk.",
        "blue forms": None,
    }


def test_an_item_of_several_sentences() -> None:
    assert read("- Keep the receipt. It must be shown.\n- The desk is open.") == {
        "Keep the receipt.": "Keep the receipt.",
        "It must be shown.": "Keep the receipt. It must be shown.",
        "The desk is open.": "The desk is open.",
    }


def test_a_bold_line_is_a_heading_and_a_bold_sentence_is_none() -> None:
    assert read("**Opening hours**\nThe desk is open.\n\n**The desk is closed on Sundays.**") == {
        "**Opening hours**": None,
        "The desk is open.": "The desk is open.",
        "**The desk is closed on Sundays.**": "The desk is closed on Sundays.",
    }


def test_a_paragraph_may_have_several_lines() -> None:
    assert read("The desk is open\non Sundays. The door\nis red.") == {
        "The desk is open\non Sundays.": "The desk is open on Sundays.",
        "The door\nis red.": "The door is red.",
    }


def test_the_answers_first_word_is_no_claim() -> None:
    assert read("Yes, the drug is safe.") == {"Yes, the drug is safe.": "The drug is safe."}
    assert read("No: dogs are not allowed.") == {"No: dogs are not allowed.": "Dogs are not allowed."}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The **drug** is _safe_.", "The drug is safe."),
        ("The drug is safe [1][2, 3].", "The drug is safe."),
        ("The drug is safe.[^4]", "The drug is safe."),
        ("The drug is safe 【4†leaflet】.", "The drug is safe."),
        ("The drug is safe (source 2).", "The drug is safe."),
        ("The [drug](https://example.org/a_b) is safe.", "The drug is safe."),
        ("Run `make_it` now.", "Run make_it now."),
        ("2 * 3 * 4 and a_b_c stay.", "2 * 3 * 4 and a_b_c stay."),
        ("See <b>page</b> [four].", "See page [four]."),
        ("If a < b, it is so.", "If a < b, it is so."),
        ("If a <b and c> d, it is so.", "If a <b and c> d, it is so."),
        ("See <a href='x'>page</a> four.<br/>", "See page four."),
        ("It is [so [2].", "It is [so."),
    ],
)
def test_markup_is_not_read(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.text(alphabet=st.sampled_from("AB.?! \n\t-*#`~>|[]():1é\r\u2028\ud800"), max_size=60))
def test_the_spans_are_in_order_and_lose_no_letter(answer: str) -> None:
    for spans in (
        [(block.start, block.stop) for block in blocks_of(answer)],
        [claim.span for claim in claims_of(answer)],
    ):
        ends = [0]
        for start, stop in spans:
            assert ends[-1] <= start < stop <= len(answer)
            assert not any(char in "ABé" for char in answer[ends[-1] : start])
            ends.append(stop)
        assert not any(char in "ABé" for char in answer[ends[-1] :])


def test_names_that_look_like_the_writer() -> None:
    assert read("I/O errors are logged. Hope Street is closed.") == {
        "I/O errors are logged.": "I/O errors are logged.",
        "Hope Street is closed.": "Hope Street is closed.",
    }


@pytest.mark.parametrize(
    "mark", ["*", "**", "_", "`", "[", "![", "<a ", "> ", "【", "- ", "(source ", " ", ") "]
)
def test_long_texts_of_opening_marks(mark: str) -> None:
    assert claims_of(mark * 20_000 + "The drug is safe.")


def test_an_item_does_not_complete_the_line_above_the_list_it_stands_in() -> None:
    found = read("The policy covers:\n- fire\n- Not covered:\n  - floods")
    assert found["fire"] == "The policy covers: fire."
    assert found["floods"] is None


@pytest.mark.parametrize(
    "cited",
    [
        "The drug is safe [1](https://x.org).",
        "The drug is safe [[1]](https://x.org).",
        "The drug is safe<sup>1, 2</sup>.",
    ],
)
def test_linked_citations_are_left_out(cited: str) -> None:
    assert list(read(cited).values()) == ["The drug is safe."]


def test_code_within_a_line_opens_no_block() -> None:
    found = read("```pip install x``` installs it.\n\nThe drug is safe.")
    assert found["The drug is safe."] == "The drug is safe."


def test_a_longer_fence_ends_a_shorter_one() -> None:
    found = read("```\nx = 1\n````\nThe drug is safe.")
    assert found["The drug is safe."] == "The drug is safe."


def test_a_second_paragraph_of_an_item_is_no_code() -> None:
    found = read("*   **Syrup**\n\n    The syrup is safe for children.")
    assert found["The syrup is safe for children."] == "The syrup is safe for children."
