"""Edits by rule: other names, swapped words, other ways of typing; what two texts differ in."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Sequence

from compositional_rerank.training.rows import DENIES, DIFFERS, SILENT
from compositional_rerank.verification.forms import form_of

Span = tuple[int, int]

_WORD = re.compile(r"\w[\w'.,-]*\w|\w")
_FUNCTION = frozenset(
    "the a an of in on at to for and or but is are was were be been by with from as that this it its his her "
    "their he she they not no than then there which who what when where how why do does did has have had "
    "will would can could i you we my your our".split()
)
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


def said_of_another(query: str) -> int:
    """What a passage may say of a query once one of them has another name or number.

    It speaks of another thing or says nothing of it; a statement or a yes/no question it may deny.

    Example:
        >>> said_of_another("Who rents flat 6?") == DIFFERS | SILENT
        True
    """
    return DIFFERS | SILENT | (DENIES if form_of(query) in ("statement", "yes_no") else 0)


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


def content_words(text: str) -> list[Span]:
    """Characters of the words that are numbers, or longer than two letters and no function words.

    Example:
        >>> text = "The 2 dogs sat on a mat."
        >>> [text[start:stop] for start, stop in content_words(text)]
        ['2', 'dogs', 'sat', 'mat']
    """
    return [
        match.span()
        for match in _WORD.finditer(text)
        if (word := match.group()).isdigit() or (len(word) > 2 and word.lower() not in _FUNCTION)
    ]


def alike_words(text: str) -> list[tuple[Span, Span]]:
    """Pairs of different content words of one sort: numbers, names within a sentence, or others.

    Example:
        >>> text = "In 2019 Mia met Anna in 2020."
        >>> [(text[slice(*first)], text[slice(*second)]) for first, second in alike_words(text)]
        [('2019', '2020'), ('Mia', 'Anna')]
    """

    def sort(start: int) -> tuple[bool, bool]:
        return text[start].isdigit(), text[start].isupper() and start > 0

    words = content_words(text)
    return [
        (first, second)
        for place, first in enumerate(words)
        for second in words[place + 1 :]
        if sort(first[0]) == sort(second[0]) and text[slice(*first)].lower() != text[slice(*second)].lower()
    ]


def swapped(text: str, first: Span, second: Span) -> str:
    """The text with two of its words in each other's place; ``first`` comes before ``second``.

    Example:
        >>> swapped("Mia met Anna.", (0, 3), (8, 12))
        'Anna met Mia.'
    """
    (start, stop), (again, end) = first, second
    return f"{text[:start]}{text[again:end]}{text[stop:again]}{text[start:stop]}{text[end:]}"


def differing_words(text: str, other: str) -> tuple[Span, ...]:
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
