"""From what the verifier says of pieces of a passage to one verdict of the passage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch

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
from compositional_rerank.verification.cross_encoder import Verifier
from compositional_rerank.verification.evidence import Reading
from compositional_rerank.verification.forms import asks as is_question

_NAMES: tuple[VerdictName | None, ...] = ("supports", "denies", "differs", None)
_SURE = 0.5


def verdicts(
    verifier: Verifier, passages: Sequence[str], found: Sequence[list[Reading]], denials: Denials = "auto"
) -> list[Verdict]:
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
    pairs = [
        (reading.ask.text, passage[start:stop])
        for passage, readings in zip(passages, found, strict=True)
        for reading in readings
        for start, stop in reading.windows
    ]
    kinds: list[Kind] = [
        kind_of(reading.ask.form, passage[start:stop])
        for passage, readings in zip(passages, found, strict=True)
        for reading in readings
        for start, stop in reading.windows
    ]
    probabilities = verifier.probabilities(pairs, kinds)
    wrong = mismatch(probabilities, kinds, denials)
    results, at = [], 0
    for readings in found:
        judged = []
        for reading in readings:
            rows = slice(at, at + len(reading.windows))
            judged.append(_of_windows(probabilities[rows], wrong[rows], reading))
            at += len(reading.windows)
        results.append(_of_asks(judged, [reading.ask.form for reading in readings]))
    return results


def kind_of(form: str, evidence: str) -> Kind:
    """How a pair is read: two questions are compared, whatever their form."""
    if form != "statement" and is_question(evidence):
        return "same_question"
    return cast(Kind, form)


def _of_windows(probabilities: torch.Tensor, wrong: torch.Tensor, reading: Reading) -> Verdict:
    """Support found anywhere decides, and where a "no" answers, a "no"; else the strongest near-miss."""
    answers = probabilities[:, SUPPORTS]
    if reading.ask.form == "yes_no":
        answers = answers + probabilities[:, DENIES]
    best = int(answers.argmax())
    near_miss = 1 - probabilities[:, SUPPORTS] - probabilities[:, SILENT]
    place = best if float(answers[best]) >= _SURE else int(near_miss.argmax())
    row = probabilities[place].tolist()
    name = _NAMES[int(probabilities[place].argmax())]
    return Verdict(
        verdict=name,
        support=row[SUPPORTS],
        denial=row[DENIES],
        mismatch=float(wrong[place]),
        evidence=None if name is None else reading.windows[place],
    )


def _of_asks(judged: list[Verdict], forms: list[str]) -> Verdict:
    """Of several questions one that is answered decides; of several statements the worst."""
    if not judged:
        return Verdict()
    if forms[0] == "statement":
        worst = max(judged, key=lambda one: one.mismatch or 0.0)
        if (worst.mismatch or 0.0) >= _SURE:
            return worst
        return min(judged, key=lambda one: one.support or 0.0)
    return min(judged, key=lambda one: (one.mismatch or 0.0) - (one.support or 0.0))
