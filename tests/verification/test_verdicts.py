"""From what the verifier says of pieces of a passage to one verdict: the rules, on answers that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker
from compositional_rerank.results import Verdict
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.verification.asks import Ask
from compositional_rerank.verification.evidence import Reading
from compositional_rerank.verification.verdicts import Judged, kind_of, verdicts

SUPPORTS, DENIES, DIFFERS = (0.9, 0.04, 0.03, 0.03), (0.03, 0.9, 0.05, 0.02), (0.04, 0.03, 0.9, 0.03)
SILENT = (0.02, 0.01, 0.02, 0.95)
Row = tuple[float, ...]


class Told:
    """Answers as it was told to, row by row."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)

    def probabilities(self, pairs: Sequence[Any], readings: Sequence[Any]) -> torch.Tensor:
        assert len(pairs) == len(readings) == len(self.rows)
        return torch.tensor(self.rows).reshape(-1, 4)


def whole(*asked: tuple[str, list[Row]], denials: str = "auto") -> Judged:
    """What is judged of one passage; each ask reads windows of its own: characters 0 to 1, then 1 to 2."""
    found = [
        Reading(Ask("x", form, (0,)), [(place, place + 1) for place in range(len(rows))])  # type: ignore[arg-type]
        for form, rows in asked
    ]
    told: Any = Told([row for _, rows in asked for row in rows])
    (one,) = verdicts(told, ["abc"], [found], denials)  # type: ignore[arg-type]
    return one


def judged(*asked: tuple[str, list[Row]], denials: str = "auto") -> Verdict:
    """The verdict of `whole`."""
    return whole(*asked, denials=denials).verdict


@pytest.mark.parametrize("form", ["statement", "yes_no", "question"])
@pytest.mark.parametrize("other", [DENIES, DIFFERS, SILENT])
def test_support_found_anywhere_decides(form: str, other: Row) -> None:
    for rows in ([other, SUPPORTS], [SUPPORTS, other]):
        if form == "yes_no" and other == DENIES:
            continue  # a yes and a no: either answers
        found = judged((form, rows))
        place = rows.index(SUPPORTS)
        assert (found.verdict, found.evidence) == ("supports", (place, place + 1))
        assert found.support == pytest.approx(0.9)
        assert found.mismatch is not None
        assert found.mismatch < 0.1


@pytest.mark.parametrize("form", ["statement", "yes_no", "question"])
def test_silence_excuses_nothing(form: str) -> None:
    found = judged((form, [SILENT, DIFFERS, SILENT]))
    assert (found.verdict, found.evidence) == ("differs", (1, 2))
    assert found.mismatch is not None
    assert found.mismatch > 0.8


def test_a_no_anywhere_answers_a_yes_no_question() -> None:
    found = judged(("yes_no", [DIFFERS, DENIES, SILENT]))
    assert (found.verdict, found.evidence) == ("denies", (1, 2))
    assert (found.support, found.denial, found.mismatch) == pytest.approx((0.03, 0.9, 0.05))


def test_a_denied_statement_is_a_near_miss() -> None:
    found = judged(("statement", [SILENT, DENIES]))
    assert (found.verdict, found.evidence) == ("denies", (1, 2))
    assert found.mismatch == pytest.approx(0.95)


@pytest.mark.parametrize("form", ["statement", "yes_no", "question"])
def test_the_caller_decides_about_denials(form: str) -> None:
    kept, punished = (judged((form, [DENIES]), denials=denials) for denials in ("keep", "penalise"))
    assert (kept.verdict, punished.verdict) == ("denies", "denies")
    assert (kept.mismatch, punished.mismatch) == pytest.approx((0.05, 0.95))
    assert judged((form, [DENIES])).mismatch == (kept if form == "yes_no" else punished).mismatch


def test_silence_is_no_verdict_and_no_near_miss() -> None:
    found = judged(("statement", [SILENT, SILENT]))
    assert (found.verdict, found.evidence) == (None, None)
    assert found.mismatch is not None
    assert found.mismatch < 0.1


@pytest.mark.parametrize("form", ["statement", "yes_no", "question"])
def test_what_differs_and_is_far_is_silent(form: str) -> None:
    fusion = Fusion(least_closeness=0.7, threshold=0.8, bonus=0.1, penalty=0.1)
    near = whole((form, [DIFFERS])).at(0.7, fusion).verdict
    assert (near.verdict, near.evidence) == ("differs", (0, 1))
    far = whole((form, [DIFFERS])).at(0.4, fusion).verdict
    assert (far.verdict, far.evidence) == (None, None)
    assert far.mismatch is not None
    assert far.mismatch < 0.5
    for row, name in ((SUPPORTS, "supports"), (DENIES, "denies")):
        kept = whole((form, [row])).at(0.4, fusion).verdict
        assert (kept.verdict, kept.evidence) == (name, (0, 1))


def test_of_two_questions_the_one_answered_decides() -> None:
    for rows in ([DIFFERS, SUPPORTS], [SUPPORTS, SILENT], [SILENT, SUPPORTS]):
        found = judged(*(("question", [row]) for row in rows))
        assert found.verdict == "supports"
    assert judged(("yes_no", [DIFFERS]), ("yes_no", [DENIES])).verdict == "denies"


def test_of_two_questions_a_no_answers_though_the_other_is_passed_over() -> None:
    assert judged(("yes_no", [SILENT]), ("yes_no", [DENIES])).verdict == "denies"


def test_of_two_questions_silence_on_one_excuses_nothing() -> None:
    assert judged(("question", [DIFFERS]), ("question", [SILENT])).verdict == "differs"


def test_of_two_statements_the_worst_decides() -> None:
    for rows in ([SUPPORTS, DENIES], [DENIES, SUPPORTS], [DENIES, SILENT]):
        assert judged(*(("statement", [row]) for row in rows)).verdict == "denies"
    assert judged(("statement", [SUPPORTS]), ("statement", [SUPPORTS])).verdict == "supports"


def test_of_two_statements_the_one_that_is_passed_over_is_the_worst_of_those_not_denied() -> None:
    assert judged(("statement", [SUPPORTS]), ("statement", [SILENT])).verdict is None


def test_what_counts_as_answered() -> None:
    ask = [Ask("x", form, (0,)) for form in ("statement", "yes_no", "question")]  # type: ignore[arg-type]
    found = [[Reading(one, [(0, 1)])] for one in ask]
    told: Any = Told([DENIES] * 3)
    answered = [one.answered for one in verdicts(told, ["abc"] * 3, found)]
    assert answered == pytest.approx([0.03, 0.93, 0.03])
    assert [one.answered for one in verdicts(told, ["abc"] * 3, found, "keep")] == pytest.approx([0.93] * 3)
    assert [one.answered for one in verdicts(told, ["abc"] * 3, found, "penalise")] == pytest.approx(
        [0.03] * 3
    )


def test_a_question_as_evidence_is_compared_and_answers_nothing() -> None:
    assert [kind_of(form, "Is it?") for form in ("statement", "yes_no", "question")] == [
        "statement",
        "same_question",
        "same_question",
    ]
    assert kind_of("yes_no", "It is.") == "yes_no"


@st.composite
def answers(draw: st.DrawFn) -> Row:
    weights = draw(st.lists(st.integers(0, 100), min_size=4, max_size=4).filter(any))
    return tuple(weight / sum(weights) for weight in weights)


@given(
    st.sampled_from(["statement", "yes_no", "question"]),
    st.lists(answers(), min_size=1, max_size=4),
    st.sampled_from(["auto", "keep", "penalise"]),
)
def test_a_verdict_is_that_of_the_window_that_it_names(form: str, rows: list[Row], denials: str) -> None:
    found = judged((form, rows), denials=denials)
    support, denial, mismatch = found.support, found.denial, found.mismatch
    assert None not in (support, denial, mismatch)
    counted = denials == "penalise" or (denials == "auto" and form != "yes_no")
    fitting = [
        row
        for row in (rows if found.evidence is None else [rows[found.evidence[0]]])
        if (row[0], row[1], row[2] + (row[1] if counted else 0))
        == pytest.approx((support, denial, mismatch), abs=1e-6)
    ]
    assert fitting
    supports, denies, differs, silent = fitting[0]
    answered, wrong = supports + (0 if counted else denies), differs + (denies if counted else 0)
    assert (found.verdict is None) == (found.evidence is None)
    if found.verdict is None:
        assert silent >= max(answered, wrong) - 1e-6
    elif found.verdict == "supports":
        assert min(answered - wrong, supports - denies) >= -1e-6
    elif found.verdict == "denies":
        assert denies >= (differs if counted else supports) - 1e-6
    else:
        assert min(wrong - answered, differs - denies) >= -1e-6


def test_passages_keep_their_order_and_what_is_not_read_has_no_verdict() -> None:
    ask = Ask("x", "statement", (0,))
    found = [[Reading(ask, [(0, 1)])], [], [Reading(ask, [(1, 2)])]]
    told: Any = Told([DENIES, SUPPORTS])
    first, second, third = verdicts(told, ["abc"] * 3, found)
    assert (first.verdict.verdict, third.verdict.verdict) == ("denies", "supports")
    assert second == (Verdict(), 0.0)


def test_nothing_to_read_at_all(verifying: CompositionalReranker) -> None:
    assert verifying.verifier is not None
    assert verdicts(verifying.verifier, ["a", "b"], [[], []]) == [(Verdict(), 0.0)] * 2
    assert verdicts(verifying.verifier, [], []) == []
