"""Answers against passages: with the shipped weights where the case is clear, else with random ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compositional_rerank import CheckedAnswer, CompositionalReranker
from compositional_rerank.checking import annotated, to_text
from compositional_rerank.errors import InputError

OPEN = "The office is open on public holidays."
CLOSED = "The office is closed on public holidays."
DOGS = "Dogs are not allowed in the office."
ALLERGY = "The user is allergic to penicillin."
NO_ALLERGY = "The user is not allergic to penicillin."
MUSEUM = "The museum shows paintings of the nineteenth century."
TEXTS = [
    "The warranty runs for two years. Water damage is not covered by it.",
    "Contractors receive insurance from the first day.",
    "Rome is closer than Paris. Paris is farther away than Rome.",
    "# Rules\nThe dog bit the man.\n\nThe man bit the dog.",
    "Das Mittel ist nicht sicher und das ist nicht gut.",
    "",
]


def verdicts(checked: CheckedAnswer) -> list[str | None]:
    return [sentence.verdict for sentence in checked]


def test_support_denial_and_silence(shipped: CompositionalReranker) -> None:
    answer = f"{CLOSED} Dogs are allowed in the office. The roof was painted green last year. Is that all?"
    checked = shipped.check(answer, [MUSEUM, DOGS, CLOSED])
    assert verdicts(checked) == ["supports", "denies", None, None]
    supported, denied, silent, question = checked
    assert checked.supported == (supported,)
    assert checked.flagged == (denied,)
    assert checked.unsupported == (silent,)
    assert (question.checked, question.claim, question.read) == (False, None, 0)
    assert checked.faithfulness == pytest.approx(1 / 3)
    assert supported.passages[0].index == 2
    assert supported.passages[0].quote == CLOSED
    assert denied.passages[0].index == 1
    assert denied.passages[0].quote == DOGS
    assert all(sentence.read == 3 for sentence in (supported, denied, silent))
    assert [answer[slice(*sentence.span)] for sentence in checked] == [one.text for one in checked]


def test_passages_that_disagree_are_both_shown(shipped: CompositionalReranker) -> None:
    checked = shipped.check(ALLERGY, [MUSEUM, NO_ALLERGY, ALLERGY])
    [sentence] = checked
    assert sentence.verdict == "conflicting"
    assert [(one.index, one.verdict) for one in sentence.passages] == [(2, "supports"), (1, "denies")]
    assert checked.flagged == (sentence,)
    assert checked.supported == ()
    assert checked.faithfulness == 0


def test_a_pronoun_is_read_with_the_sentence_before_it(shipped: CompositionalReranker) -> None:
    passages = ["The syrup tastes of cherries.", "The syrup is not safe for children."]
    answer = "The syrup tastes of cherries. It is safe for children."
    _, second = shipped.check(answer, passages)
    assert (second.text, second.claim) == ("It is safe for children.", answer)
    assert second.verdict == "denies"
    assert second.passages[0].index == 1


def test_markup_and_marks_of_citations_change_nothing(shipped: CompositionalReranker) -> None:
    [plain] = shipped.check(CLOSED, [CLOSED, DOGS])
    [marked] = shipped.check("- The **office** is *closed* on public holidays [1].", [CLOSED, DOGS])
    assert marked.claim == plain.claim == CLOSED
    assert marked.passages == plain.passages


def test_the_same_verdicts_as_verify(verifying: CompositionalReranker) -> None:
    answer = " ".join(
        [
            "The warranty covers water damage.",
            "Contractors are insured.",
            "Paris is closer than Rome.",
            "A man bit the dog.",
            "The medicine is safe.",
        ]
    )
    seen = set()
    for sentence in verifying.check(answer, TEXTS):
        assert sentence.claim is not None
        expected = verifying.verify(sentence.claim, TEXTS)
        assert sentence.read == sum(one.mismatch is not None for one in expected)
        for found in sentence.passages:
            one = expected[found.index]
            assert (found.verdict, found.evidence) == (one.verdict, one.evidence)
            for value, other in ((found.support, one.support), (found.mismatch, one.mismatch)):
                assert value == pytest.approx(other, abs=0.02)
            seen.add(found.verdict)
        for index, one in enumerate(expected):
            if one.verdict == "supports" and one.support is not None and one.support > 0.52:
                assert index in [found.index for found in sentence.passages]
    assert seen, "the random verifier has an opinion on something"


def test_best_first(shipped: CompositionalReranker) -> None:
    passages = [NO_ALLERGY, "It is known that the user is allergic to penicillin.", MUSEUM, ALLERGY]
    [sentence] = shipped.check(ALLERGY, passages)
    order = ("supports", "denies", "differs")
    ranks = [
        (order.index(one.verdict), -(one.support if one.verdict == "supports" else one.mismatch))
        for one in sentence.passages
    ]
    assert ranks == sorted(ranks)
    assert sentence.passages[-1].index == 0


def test_a_sentence_that_stands_in_a_passage_is_read_by_itself(shipped: CompositionalReranker) -> None:
    passage = f"Rules\n\n{MUSEUM} {DOGS} {CLOSED} {ALLERGY}"
    for sentence in shipped.check(f"{CLOSED} **Dogs** are not allowed in the office [1].", [passage]):
        assert sentence.verdict == "supports"


def test_the_closest_are_read_first(shipped: CompositionalReranker) -> None:
    passages = [MUSEUM, CLOSED, ALLERGY]
    for most, read in ((1, 1), (2, 2), (99, 3), (None, 3)):
        [sentence] = shipped.check(OPEN, passages, max_verified=most)
        assert sentence.read == read
        assert [one.index for one in sentence.passages] == [1]


def test_equal_passages_are_all_named(shipped: CompositionalReranker) -> None:
    [sentence] = shipped.check(CLOSED, [CLOSED, MUSEUM, CLOSED])
    assert [one.index for one in sentence.passages] == [0, 2]
    assert sentence.passages[0].support == sentence.passages[1].support
    assert sentence.read == 3


def test_only_own_text_is_evidence(shipped: CompositionalReranker) -> None:
    passage = f"{CLOSED}\n\n{MUSEUM}"
    [inside] = shipped.check(CLOSED, [passage])
    assert inside.verdict == "supports"
    assert inside.passages[0].quote.startswith(CLOSED)
    [outside] = shipped.check(CLOSED, [passage], own_text=[(len(CLOSED) + 2, len(passage))])
    assert (outside.verdict, outside.passages) == (None, ())


@pytest.mark.parametrize("passages", [[], [""], ["", " "]])
def test_without_passages_nothing_has_a_source(shipped: CompositionalReranker, passages: list[str]) -> None:
    checked = shipped.check(f"{CLOSED} Why?", passages)
    assert verdicts(checked) == [None, None]
    assert [one.text for one in checked.unsupported] == [CLOSED]
    assert checked.faithfulness == 0


def test_nothing_to_check(shipped: CompositionalReranker) -> None:
    checked = shipped.check("# Answer\n\nWhat do you mean?", [CLOSED])
    assert verdicts(checked) == [None, None]
    assert checked.faithfulness is None
    assert checked.unsupported == checked.flagged == checked.supported == ()
    assert annotated(checked) == checked.answer
    assert to_text(checked).startswith("Nothing to check")


def test_the_answer_with_marks(shipped: CompositionalReranker) -> None:
    answer = f"- {CLOSED}\n- Dogs are allowed in the office.\n\n{ALLERGY} The roof is green. Ok?\n"
    checked = shipped.check(answer, [DOGS, CLOSED, ALLERGY, NO_ALLERGY])
    assert annotated(checked) == (
        f"- {CLOSED} [2]\n- Dogs are allowed in the office. [denied by 1]\n\n"
        f"{ALLERGY} [3, but denied by 4] The roof is green. [no source] Ok?\n"
    )


def test_the_report_quotes_what_decided(shipped: CompositionalReranker) -> None:
    checked = shipped.check(f"{ALLERGY} The roof is green.", [ALLERGY, NO_ALLERGY, ALLERGY])
    report = to_text(checked, 200)
    assert report.startswith("2 checked: 0 supported, 1 flagged, 1 without source\n")
    assert f"conflicting  {ALLERGY}\n" in report
    assert f"passage 1 (and 1 more): “{ALLERGY}”\n" in report
    assert f"passage 2: “{NO_ALLERGY}”\n" in report
    assert "no source    The roof is green.\n" in report
    named = to_text(checked, 40, ["first\x1b[31m", "second", "third"])
    assert "first\ufffd[31m" in named
    assert all(len(line) <= 40 for line in named.splitlines())


def test_plain_data(shipped: CompositionalReranker) -> None:
    record: dict[str, Any] = json.loads(json.dumps(shipped.check(CLOSED, [MUSEUM, CLOSED]).to_dict()))
    assert (record["answer"], record["faithfulness"]) == (CLOSED, 1)
    [sentence] = record["sentences"]
    assert (sentence["text"], sentence["span"], sentence["claim"]) == (CLOSED, [0, len(CLOSED)], CLOSED)
    assert (sentence["verdict"], sentence["read"]) == ("supports", 2)
    [passage] = sentence["passages"]
    assert (passage["index"], passage["verdict"], passage["quote"]) == (1, "supports", CLOSED)
    assert passage["evidence"] == [0, len(CLOSED)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((" ", [CLOSED]), "answer is blank"),
        ((5, [CLOSED]), "answer must be a str, got int"),
        ((CLOSED, CLOSED), "wrap a single text in a list"),
        ((CLOSED, [CLOSED, None]), r"passages\[1\] must be a str"),
    ],
)
def test_what_cannot_be_checked(arguments: tuple[Any, Any], message: str) -> None:
    reranker = CompositionalReranker("no-such-model")  # the error comes before any work
    with pytest.raises(InputError, match=message):
        reranker.check(*arguments)


def test_limits_are_named() -> None:
    reranker = CompositionalReranker("no-such-model")
    with pytest.raises(InputError, match="max_verified must be at least 1, got 0"):
        reranker.check(CLOSED, [CLOSED], max_verified=0)
    with pytest.raises(InputError, match="own_text has 2 entries for 1 passages"):
        reranker.check(CLOSED, [CLOSED], own_text=[None, None])


def test_a_model_without_a_verifier_is_refused(reranker: CompositionalReranker) -> None:
    with pytest.raises(InputError, match="has no verifier: pass verifier="):
        reranker.check(CLOSED, [CLOSED])
