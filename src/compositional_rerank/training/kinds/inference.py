"""Natural language inference: the premise is the evidence, the hypothesis is a claim."""

from __future__ import annotations

import random
import re
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.questions import has_words_of, open_question, yes_no_question
from compositional_rerank.training.rows import (
    DENIES,
    DIFFERS,
    SILENT,
    SUPPORTS,
    Row,
    detokenise,
    numbered_rows,
    text_of,
)

_STRANGER = 0.15  # share of the claims that are also read with the premise of another
_ASKED = 0.3  # share of the claims that become yes/no questions, where they can
_OPEN = 0.3  # share of the claims that become other questions, where they can
_WORD = re.compile(r"\w{4,}")
_LABELS = {
    "entailment": SUPPORTS,
    "contradiction": DENIES,
    "neutral": DIFFERS | SILENT,
    "non-entailment": DENIES | DIFFERS | SILENT,
}


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Rows of a file with ``premise hypothesis label``; those of one premise are a group.

    Some claims are read with another premise, too, which has none of their words and says nothing of them.

    Args:
        file: JSONL.
        different: what a contradiction is; 0 for a denial. Where one word was exchanged, "contradiction" is
            often another thing: a red line is no denial of a yellow one.
        rng: which claims are asked instead of said, and other premises.
    """
    found: list[Row] = []
    for number, row in numbered_rows(file):
        query, evidence, label = (
            text_of(row, name, file, number) for name in ("hypothesis", "premise", "label")
        )
        if label not in _LABELS:
            raise DataError(
                f"{file}:{number}: field 'label' must be one of {', '.join(_LABELS)}, got {label!r:.60}"
            )
        verdicts = different if label == "contradiction" and different else _LABELS[label]
        query, group = detokenise(query), evidence
        evidence = detokenise(evidence)
        chance = rng.random()
        if chance < _ASKED:
            query = yes_no_question(query, evidence) or query
        elif chance < _ASKED + _OPEN and (question := open_question(query, evidence, rng)):
            # where it has all the words, what is not entailed may be the answer that was taken out
            if verdicts == SUPPORTS or not has_words_of(question, evidence):
                query = question
                verdicts = verdicts | DIFFERS if verdicts == DENIES else verdicts
        found.append(Row(query, evidence, verdicts, file.stem, group))
        other = rng.choice(found).evidence
        if rng.random() < _STRANGER and other != evidence and not _words(query) & _words(other):
            found.append(Row(query, other, SILENT, file.stem, group))
    return found


def _words(text: str) -> set[str]:
    """Its longer words; texts that share none are on other matters, mostly."""
    return set(_WORD.findall(text.lower()))
