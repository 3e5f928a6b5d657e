"""Sentences that nobody labelled: each beside itself, and with words swapped or exchanged."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import (
    Span,
    alike_words,
    content_words,
    differing_words,
    swapped,
)
from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS, Row, detokenise, numbered_rows

_FIELDS = ("passage", "premise", "text1", "texts")  # one of them holds the sentence, or several
_SHORTEST, _LONGEST = 25, 160  # characters of a sentence
_FEW = 3  # words of content that a sentence needs
_SWAPPED = 0.75  # share of the edits in which words change places
_BESIDE = 0.25  # share of the evidence that has another sentence beside it
_LISTED = re.compile(r"(?i)[\s,]*(?:(?:and|or)\s+)?(?:(?:a|an|the)\s+)?$")  # between words in any order
_LOWERED = 0.3  # share of the queries in small letters


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two rows for each sentence of a fitting length.

    It supports itself. With two words of its own in each other's place, or one of another sentence's, it does
    not: who compares words alone cannot tell the first of these.

    Args:
        file: JSONL with one of the fields ``passage premise text1 texts``.
        different: what an edited sentence may be; 0 for a denial or a difference.
        rng: which words, and what stands beside the sentence.
    """
    found = sentences_of(file)
    rows = []
    for number, sentence in enumerate(found):
        edited = edit(sentence, rng.choice(found), rng)
        if edited is None:
            continue
        query = sentence.lower() if rng.random() < _LOWERED else sentence
        for text, verdict in ((sentence, SUPPORTS), (edited, different or DENIES | DIFFERS)):
            evidence, wrong = among(text, sentence, found, _BESIDE, rng)
            rows.append(Row(query, evidence, verdict, file.stem, str(number), wrong))
    return rows


def among(
    text: str, sentence: str, sentences: Sequence[str], share: float, rng: random.Random
) -> tuple[str, tuple[Span, ...]]:
    """A sentence or an edit of it, sometimes beside another sentence, and where it differs from the sentence.

    Args:
        text: the sentence, or its edit.
        sentence: the sentence.
        sentences: what may stand beside it.
        share: how often something does, in [0, 1].
        rng: whether, what, and on which side.

    Returns:
        The evidence, and the characters of its words that the sentence has not.
    """
    before = after = ""
    if rng.random() < share:
        beside = rng.choice(sentences)
        before, after = rng.sample(["" if beside == sentence else beside, ""], 2)
    evidence = " ".join(part for part in (before, text, after) if part)
    shift = len(before) + 1 if before else 0
    return evidence, tuple((start + shift, stop + shift) for start, stop in differing_words(text, sentence))


def sentences_of(file: Path) -> list[str]:
    """Sentences of a fitting length of a file, each once.

    Raises:
        DataError: there are fewer than two.
    """
    found: dict[str, None] = {}
    for _, row in numbered_rows(file):
        value = next((row[name] for name in _FIELDS if row.get(name)), "")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and _SHORTEST < len(text) < _LONGEST:
                found[detokenise(text)] = None
    if len(found) < 2:
        raise DataError(
            f"{file}: at least two sentences of {_SHORTEST} to {_LONGEST} characters are needed in a field "
            f"{', '.join(_FIELDS)}"
        )
    return list(found)


def edit(sentence: str, other: str, rng: random.Random) -> str | None:
    """The sentence with two alike words swapped, or with a word of another; None where it has too few."""
    words = content_words(sentence)
    if len(words) < _FEW:
        return None
    alike = [pair for pair in alike_words(sentence) if not _LISTED.match(sentence[pair[0][1] : pair[1][0]])]
    if alike and rng.random() < _SWAPPED:
        return swapped(sentence, *rng.choice(alike))
    start, stop = rng.choice(words)
    old = sentence[start:stop].lower()
    fresh = [word for span in content_words(other) if (word := other[slice(*span)]).lower() != old]
    return f"{sentence[:start]}{rng.choice(fresh)}{sentence[stop:]}" if fresh else None
