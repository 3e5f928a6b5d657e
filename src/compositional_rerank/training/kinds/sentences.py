"""Sentences that nobody labelled: each beside itself, and with words swapped or exchanged."""

from __future__ import annotations

import random
import re
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import differing_words
from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS, Row, detokenise, numbered_rows

_FIELDS = ("passage", "premise", "text1", "texts")  # one of them holds the sentence, or several
_SHORTEST, _LONGEST = 25, 160  # characters of a sentence
_WORD = re.compile(r"\w[\w'.,-]*\w|\w")
_FEW = 3  # words of content that a sentence needs
_SWAPPED = 0.75  # share of the edits in which words change places
_BESIDE = 0.25  # share of the evidence that has another sentence beside it
_LOWERED = 0.3  # share of the queries in small letters
_FUNCTION = frozenset(
    "the a an of in on at to for and or but is are was were be been by with from as that this it its his her "
    "their he she they not no than then there which who what when where how why do does did has have had "
    "will would can could i you we my your our".split()
)


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two rows for each sentence of a fitting length.

    It supports itself. With two words of its own in each other's place, or one of another sentence's, it does
    not: who compares words alone cannot tell the first of these.

    Args:
        file: JSONL with one of the fields ``passage premise text1 texts``.
        different: what an edited sentence may be; 0 for a denial or a difference.
        rng: which words, and what stands beside the sentence.
    """
    found = _sentences(file)
    if len(found) < 2:
        raise DataError(
            f"{file}: at least two sentences of {_SHORTEST} to {_LONGEST} characters are needed in a field "
            f"{', '.join(_FIELDS)}"
        )
    rows = []
    for number, sentence in enumerate(found):
        edited = _edited(sentence, rng.choice(found), rng)
        if edited is None:
            continue
        query = sentence.lower() if rng.random() < _LOWERED else sentence
        for text, verdict in ((sentence, SUPPORTS), (edited, different or DENIES | DIFFERS)):
            before = after = ""
            if rng.random() < _BESIDE:
                beside = rng.choice(found)
                before, after = rng.sample(["" if beside == sentence else beside, ""], 2)
            evidence = " ".join(part for part in (before, text, after) if part)
            shift = len(before) + 1 if before else 0
            wrong = tuple((start + shift, stop + shift) for start, stop in differing_words(text, sentence))
            rows.append(Row(query, evidence, verdict, file.stem, str(number), wrong))
    return rows


def _sentences(file: Path) -> list[str]:
    found: dict[str, None] = {}
    for _, row in numbered_rows(file):
        value = next((row[name] for name in _FIELDS if row.get(name)), "")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and _SHORTEST < len(text) < _LONGEST:
                found[detokenise(text)] = None
    return list(found)


def _edited(sentence: str, other: str, rng: random.Random) -> str | None:
    """The sentence with two alike words swapped, or with a word of another; None where it has too few."""
    words = [match.span() for match in _WORD.finditer(sentence) if _has_content(match.group())]
    if len(words) < _FEW:
        return None
    alike = [
        (first, second)
        for place, first in enumerate(words)
        for second in words[place + 1 :]
        if _sort(sentence, first) == _sort(sentence, second)
        and sentence[slice(*first)].lower() != sentence[slice(*second)].lower()
    ]
    if alike and rng.random() < _SWAPPED:
        (start, stop), (again, end) = rng.choice(alike)
        first, second = sentence[start:stop], sentence[again:end]
        return f"{sentence[:start]}{second}{sentence[stop:again]}{first}{sentence[end:]}"
    start, stop = rng.choice(words)
    fresh = [
        word
        for word in _WORD.findall(other)
        if _has_content(word) and word.lower() != sentence[start:stop].lower()
    ]
    return f"{sentence[:start]}{rng.choice(fresh)}{sentence[stop:]}" if fresh else None


def _has_content(word: str) -> bool:
    return word.isdigit() or (len(word) > 2 and word.lower() not in _FUNCTION)


def _sort(sentence: str, word: tuple[int, int]) -> tuple[bool, bool]:
    """Whether a word is a number, and whether it is a name: written with a capital within the sentence."""
    first = sentence[word[0]]
    return first.isdigit(), first.isupper() and word[0] > 0
