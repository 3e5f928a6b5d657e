"""Whether two questions are the same, so that the answer to one can be served for the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.results import Verdict
from compositional_rerank.scoring.calibration import Reading, mismatch
from compositional_rerank.verification.base import Verifier
from compositional_rerank.verification.forms import form_of, has_content, identical
from compositional_rerank.verification.readable import readable
from compositional_rerank.verification.verdicts import of_windows


def same_questions(verifier: Verifier, cached: Sequence[str], new: Sequence[str]) -> list[Verdict]:
    """Compare ``n`` pairs of questions in one run of the verifier.

    Each is read whole, not in windows: what is left out may be the condition that tells the two apart. Each
    pair is read in both orders, and the probabilities are averaged: being the same has no direction.

    Args:
        verifier: the verifier.
        cached: questions whose answers are known.
        new: questions that were asked, one for each of them.

    Returns:
        ``n`` verdicts. Texts that differ in nothing but white space are the same, whatever they are; an empty
        verdict where a text asks nothing, cannot be judged, or the two are too long to be read whole.
    """
    forms = {text: _form(text) for text in {*cached, *new}}
    found = [Verdict()] * len(cached)
    places: list[int] = []
    kinds: list[Reading] = []
    for place, (old, asked) in enumerate(zip(cached, new, strict=True)):
        if identical(old, asked):
            found[place] = Verdict("supports", 1.0, 0.0, 0.0, (0, len(old)))
        elif (kind := _kind(forms[old], forms[asked])) in verifier.reads and verifier.reads_whole(asked, old):
            places.append(place)
            kinds.append(kind)
    pairs = [(new[place], cached[place]) for place in places]
    turned = [(second, first) for first, second in pairs]
    both = verifier.probabilities([*pairs, *turned], [*kinds, *kinds])
    probabilities = (both[: len(pairs)] + both[len(pairs) :]) / 2
    wrong = mismatch(probabilities, kinds)
    for row, place in enumerate(places):
        one = slice(row, row + 1)
        found[place] = of_windows(probabilities[one], wrong[one], [(0, len(cached[place]))]).verdict
    return found


def _form(text: str) -> Literal["question", "statement"] | None:
    """Whether a text asks or says something; None where it does neither, or cannot be read."""
    if not readable(text) or not has_content(text):
        return None
    forms = {form_of(text[start:stop]) for start, stop in sentence_spans(text)}
    if forms & {"question", "yes_no"}:
        return "question"
    return "statement" if "statement" in forms else None


def _kind(old: str | None, new: str | None) -> Reading | None:
    """How a pair is read; "Tell me who pays." is a statement by its form, and meets "Who pays?"."""
    if old is None or new is None:
        return None
    return "statement" if old == new == "statement" else "same_question"
