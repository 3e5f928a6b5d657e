"""Statement, yes/no question, other question or keywords; and what the verifier can read at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.verification.forms import FORMS, asks, form_of, has_content, has_verb
from compositional_rerank.verification.readable import readable


@pytest.mark.parametrize("text", ["Who?", "Who? ", '"Who?"', "(Who?)", "谁？", "It rains. Does it?"])
def test_questions(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["It rains.", "Who? Me.", "", "?!"])
def test_no_questions(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Does the warranty cover water damage?", "yes_no"),
        ("does the warranty cover water damage", "yes_no"),
        ("If it rains, is the match off?", "yes_no"),
        ("So the drug is safe?", "yes_no"),
        ("Do you know whether the drug is safe?", "yes_no"),
        ("Isn't the drug safe?", "yes_no"),
        ("Does the manual explain how to reset the router?", "yes_no"),
        ("Will the app remind me when it rains?", "yes_no"),
        ("When a parcel is lost, do I get a refund?", "yes_no"),
        ("The warranty covers water damage?", "yes_no"),
        ("Is the drug safe.", "yes_no"),
        ("Can you explain how it works?", "question"),
        ("When is the refund paid, or is it never paid?", "question"),
        ("Do you know who pays?", "question"),
        ("Who wrote Faust?", "question"),
        ("And where is it?", "question"),
        ("how long is the warranty", "question"),
        ("What is the limit.", "question"),
        ("The drug is safe for children.", "statement"),
        ("the drug is safe for children", "statement"),
        ("Take the tablet before meals.", "statement"),
        ("Contractors who travel can use the insurance", "statement"),
        ("tell me who pays", "question"),
        ("laptop how long does it last", "question"),
        ("laptop is sold with what it needs", "statement"),  # the verb stands before what could ask
        ("IT support phone number", "keywords"),
        ("WHO malaria guidelines", "keywords"),
        ("IS IT SAFE FOR CHILDREN", "yes_no"),
        ("if i get pregnant, can i pause my contract", "yes_no"),
        ("If it rains, do not use it", "statement"),
        ("whereabouts is the tram stop", "question"),
        ("refund policy contractors", "keywords"),
        ("Refunds.", "keywords"),
        ("red cup", "keywords"),
        ("", "keywords"),
    ],
)
def test_forms(text: str, form: str) -> None:
    assert form_of(text) == form


@given(st.text(alphabet=st.sampled_from("aei wh os'’?.,!:\n\"is does no ünö 日"), max_size=40))
def test_every_text_has_a_form_and_a_mark_makes_a_question(text: str) -> None:
    assert form_of(text) in FORMS
    assert form_of(f"{text}?") in ("question", "yes_no")


def test_a_typographic_apostrophe_is_one() -> None:
    assert not has_content("Isn’t it?")
    assert has_verb("The drug isn’t safe")


def test_long_white_space_and_marks_take_no_time() -> None:
    for text in (f"a{' ' * 200_000}b", "a" + "." * 200_000, "a" + " -" * 100_000):
        assert form_of(text) == "keywords"


@pytest.mark.parametrize("text", ["What is it?", "Does it have to be so?", "", "?", "who and what"])
def test_stop_words_alone_have_no_content(text: str) -> None:
    assert not has_content(text)
    assert has_content(f"{text} MaxSim")


@pytest.mark.parametrize(
    "text",
    [
        "It is safe.",
        "The drug costs 12.50 EUR (about 14 USD) in 2026.",
        "Der Spiegel is a magazine, and it is read in Germany.",
        "naïve café",
        "Refunds",
        "Use `pip install` to get it, and then run the tests of the project.",
        "Use two doses per day, one per meal.",
        "Non-members pay 5 dollars per visit.",
        "The plan costs $5, $10 or $20 a month.",
        "The drug is not safe [1] [2].",
        "Who is Maria de la Cruz?",
    ],
)
def test_english_prose_is_read(text: str) -> None:
    assert readable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "12.5 %",
        "Das Mittel ist nicht sicher und wird nicht mehr verkauft.",
        "Le médicament n'est pas sûr pour les enfants.",
        "El medicamento no es seguro para los niños.",
        "¿Dónde está la oficina central de Madrid?",
        "Wann beginnt das neue Semester?",
        "この薬は安全です。",
        "Лекарство безопасно.",
        "def f(x): return {y: [x] for y in x}",
        "| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_what_is_no_english_prose_is_not(text: str) -> None:
    assert not readable(text)


@given(st.text(max_size=60))
def test_any_text_is_readable_or_not(text: str) -> None:
    assert readable(text) in (True, False)
