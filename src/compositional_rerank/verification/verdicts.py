"""From what the verifier says of pieces of a passage to one verdict of the passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import torch

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.results import Verdict, VerdictName
from compositional_rerank.scoring.calibration import (
    DENIES,
    SILENT,
    SUPPORTS,
    Denials,
    mismatch,
)
from compositional_rerank.scoring.calibration import (
    Reading as Kind,
)
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.verification.base import Verifier
from compositional_rerank.verification.evidence import Reading, Span
from compositional_rerank.verification.forms import asks as is_question

_SURE = 0.5


class Judged(NamedTuple):
    """A verdict, and how likely the passage answers: it supports, or it denies where that is an answer."""

    verdict: Verdict
    answered: float

    def at(self, closeness: float, fusion: Fusion) -> Judged:
        """The same of a passage that is so close to the query: its mismatch depends on it.

        What differs has nearly the words of the query. What is far from it speaks of something else: silence.
        """
        by_text = self.verdict.mismatch
        found = replace(self.verdict, mismatch=fusion.mismatch(by_text, closeness))
        if found.verdict == "differs" and found.mismatch != by_text and (found.mismatch or 0.0) < _SURE:
            found = replace(found, verdict=None, evidence=None)
        return self._replace(verdict=found)


def verdicts(
    verifier: Verifier, passages: Sequence[str], found: Sequence[list[Reading]], denials: Denials = "auto"
) -> list[Judged]:
    """Ask the verifier about passages, all of them in one run.

    Args:
        verifier: the verifier.
        passages: ``n`` passages.
        found: for each of them what to read of it, from `evidence.readings`.
        denials: whether a denial is a mismatch: ``"auto"`` not for yes/no questions, ``"keep"`` never,
            ``"penalise"`` always.

    Returns:
        ``n`` verdicts; an empty one where nothing is to be read.
    """
    read = [
        (reading.ask, passage[start:stop])
        for passage, readings in zip(passages, found, strict=True)
        for reading in readings
        for start, stop in reading.windows
    ]
    kinds = [kind_of(ask.form, evidence) for ask, evidence in read]
    probabilities = verifier.probabilities([(ask.text, evidence) for ask, evidence in read], kinds)
    wrong = mismatch(probabilities, kinds, denials)
    results, at = [], 0
    for readings in found:
        judged = []
        for reading in readings:
            rows = slice(at, at + len(reading.windows))
            judged.append(of_windows(probabilities[rows], wrong[rows], reading.windows))
            at += len(reading.windows)
        results.append(_of_asks(judged, statements=bool(readings) and readings[0].ask.form == "statement"))
    return results


def kind_of(form: str, evidence: str) -> Kind:
    """How a pair is read: questions are compared, whatever their form; one behind a text is a part of it."""
    if form != "statement" and is_question(evidence):
        if all(is_question(evidence[start:stop]) for start, stop in sentence_spans(evidence)):
            return "same_question"
    return cast(Kind, form)


def of_windows(probabilities: torch.Tensor, wrong: torch.Tensor, windows: Sequence[Span]) -> Judged:
    """An answer found anywhere decides, else the strongest near-miss; silence excuses nothing."""
    answers = 1 - wrong - probabilities[:, SILENT]
    best = int(answers.argmax())
    place = best if float(answers[best]) >= _SURE else int(wrong.argmax())
    row = probabilities[place].tolist()
    name = _name(probabilities[place], float(answers[place]), float(wrong[place]))
    verdict = Verdict(
        verdict=name,
        support=row[SUPPORTS],
        denial=row[DENIES],
        mismatch=float(wrong[place]),
        evidence=None if name is None else windows[place],
    )
    return Judged(verdict, float(answers[place]))


def _name(probabilities: torch.Tensor, answered: float, wrong: float) -> VerdictName | None:
    """First whether it answers, is a near-miss or says nothing; then the likelier verdict of that group."""
    supports, denies, differs, silent = probabilities.tolist()
    if silent >= max(answered, wrong):
        return None
    if answered >= wrong:
        return "supports" if supports >= denies else "denies"
    return "denies" if denies >= differs else "differs"


def _of_asks(judged: list[Judged], *, statements: bool) -> Judged:
    """Of several questions the one that is answered best decides; of several statements the worst."""
    if not judged:
        return Judged(Verdict(), 0.0)
    worst = max(judged, key=lambda one: one.verdict.mismatch or 0.0)
    if statements:
        sure = (worst.verdict.mismatch or 0.0) >= _SURE
        return worst if sure else min(judged, key=lambda one: one.answered)
    best = max(judged, key=lambda one: one.answered)
    return best if best.answered >= _SURE else worst
