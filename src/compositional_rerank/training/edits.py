"""Edits by rule: another name or number, questions as people type them; words that two texts differ in."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Sequence

_WORD = re.compile(r"\w[\w'.,-]*\w|\w")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<=[a-z,;:)] )[A-Z][\w'-]*[a-z0-9](?: [A-Z][\w'-]*[a-z0-9])*")


def names_and_numbers(text: str) -> list[str]:
    """Capitalised words within a sentence, and numbers, each once, in order.

    Example:
        >>> names_and_numbers("Flat 6 is let by Anna Stahl from 1.5 days on.")
        ['Anna Stahl', '6', '1.5']
    """
    return list(dict.fromkeys(_NAME.findall(text) + _NUMBER.findall(text)))


def renamed(query: str, evidence: str, pool: Sequence[str], rng: random.Random) -> tuple[str, str] | None:
    """A pair that speaks of another thing: a name or number of both texts is exchanged in one of them.

    Args:
        query: the query.
        evidence: a passage with words of the query.
        pool: names and numbers of other texts.
        rng: what is exchanged, and where.

    Returns:
        The pair; None where the texts share no name and no number, or the pool has no other of its kind.

    Example:
        >>> renamed("Who rents flat 6?", "Mia has rented flat 6 since May.", ["9"], random.Random(1))
        ('Who rents flat 6?', 'Mia has rented flat 9 since May.')
    """
    shared = [
        found
        for found in dict.fromkeys(names_and_numbers(evidence) + names_and_numbers(query))
        if _whole(found).search(query) and _whole(found).search(evidence)
    ]
    if not shared:
        return None
    old = rng.choice(shared)
    others = [
        other
        for other in pool
        if other[0].isdigit() == old[0].isdigit()
        and not _whole(other).search(query)
        and not _whole(other).search(evidence)
    ]
    if not others:
        return None
    new = rng.choice(others)
    if rng.random() < 0.5:
        return query, _whole(old).sub(lambda _: new, evidence)
    return _whole(old).sub(lambda _: new, query), evidence


def _whole(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.,-]){re.escape(text)}(?![\w-]|[.,]\d)", re.IGNORECASE)


def as_typed(question: str, rng: random.Random) -> str:
    """The question as some people type it: without its mark, or after a greeting; mostly as it is."""
    chance = rng.random()
    if chance < 0.1:
        return question.rstrip(" ?.")
    if chance < 0.13:
        return question.rstrip(" ?.") + "??"
    if chance < 0.16:
        return rng.choice(("hi, ", "Hello! ", "quick question: ", "Please tell me: ")) + question
    return question


def differing_words(text: str, other: str) -> tuple[tuple[int, int], ...]:
    """Characters of the words of ``text`` that ``other`` has not, or has elsewhere.

    Where ``text`` lacks a word of the other, the word that stands there instead counts.

    Example:
        >>> text = "Mia is not older than Anna."
        >>> [text[start:stop] for start, stop in differing_words(text, "Anna is not older than Mia.")]
        ['Mia', 'Anna']
        >>> [text[start:stop] for start, stop in differing_words(text, "Mia is now not older than Anna.")]
        ['not']
    """
    words = [match.span() for match in _WORD.finditer(text)]
    mine = [text[start:stop].lower() for start, stop in words]
    theirs = [word.lower() for word in _WORD.findall(other)]
    found = []
    for what, first, last, *_ in difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if what == "insert" and words:
            found.append(words[min(first, len(words) - 1)])
        elif what != "equal":
            found += words[first:last]
    return tuple(found)
