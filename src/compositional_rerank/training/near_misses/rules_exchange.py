"""Rules over pairs of roles: giving and getting, comparing, parents and children."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from .inflection import inflect, verb_lemma
from .tagging import Sentence
from .vocabulary import Proposal, Vocabulary

_DATIVE = frozenset(
    ["give", "send", "show", "hand", "offer", "lend", "teach", "pass", "throw", "sell", "bring", "tell"]
)
_CONVERSE_VERBS = {"sell": ("buy", "from"), "lend": ("borrow", "from"), "give": ("receive", "from")}
_BACK_VERBS = {
    "buy": ("sell", "to"),
    "borrow": ("lend", "to"),
    "receive": ("give", "to"),
    "purchase": ("sell", "to"),
}
_COMPARATIVES: dict[str, str] = {}
for _pair in [
    "taller shorter",
    "older younger",
    "bigger smaller",
    "larger smaller",
    "faster slower",
    "heavier lighter",
    "higher lower",
    "stronger weaker",
    "richer poorer",
    "warmer colder",
    "hotter colder",
    "closer farther",
    "nearer farther",
    "longer shorter",
    "wider narrower",
    "cheaper dearer",
    "darker lighter",
    "harder softer",
    "deeper shallower",
    "better worse",
    "earlier later",
    "thicker thinner",
    "brighter darker",
    "easier harder",
]:
    _a, _b = _pair.split()
    _COMPARATIVES.setdefault(_a, _b)
    _COMPARATIVES.setdefault(_b, _a)
_RELATIVES = {
    "father": "child",
    "mother": "child",
    "parent": "child",
    "employer": "employee",
    "teacher": "student",
    "husband": "wife",
    "wife": "husband",
    "owner": "property",
}
_FORMS = {"VBD": "VBD", "VBZ": "VBZ", "VB": "VB", "VBG": "VBG"}


def exchange_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """``gave B to C`` = ``gave C B``; ``sold to`` = ``bought from``; ``taller than`` = ``shorter than`` swapped."""  # noqa: E501
    phrases = s.noun_phrases
    for a, b in itertools.pairwise(phrases):
        if s.lower[a.end : b.start] not in (["to"], ["from"]) or a.start == 0:
            continue
        v = a.start - 1
        lemma = verb_lemma(s.lower[v]) if s.tags[v] in _FORMS else ""
        to = s.lower[a.end] == "to"
        first, second = s.slice(a.start, a.end), s.slice(b.start, b.end)
        if lemma in _DATIVE and to:
            yield [(a.start, b.end, f"{second} {first}")], "role", 1, "dative_shift"
        subject = next(
            (p for p in phrases if p.end == v and (p.start == 0 or s.tags[p.start - 1] == ".")), None
        )
        if subject is None or (b.end < len(s) and s.tags[b.end] in ("CC", "SUB")):
            continue
        table = _CONVERSE_VERBS if to else _BACK_VERBS
        if lemma in table and s.tags[v] in ("VBD", "VBZ"):
            other, link = table[lemma]
            verb = inflect(other, s.tags[v]) if s.tags[v] == "VBD" or not b.plural else other
            giver = s.slice(subject.start, subject.end)
            yield (
                [(subject.start, b.end, f"{second} {verb} {first} {link} {giver}")],
                "role",
                1,
                "sold_bought",
            )
            yield (
                [(subject.start, subject.end, second), (b.start, b.end, giver)],
                "role",
                0,
                "giver_taker_swapped",
            )
            yield [(v, v + 1, verb), (a.end, a.end + 1, link)], "role", 0, "sold_to_bought_from"
    yield from _compared(s)
    yield from _related(s)


def _compared(s: Sentence) -> Iterator[Proposal]:
    phrases = s.noun_phrases
    for a, b in itertools.pairwise(phrases):
        middle = s.lower[a.end : b.start]
        if (
            a.start
            or len(middle) != 3
            or middle[2] != "than"
            or middle[0] not in ("is", "was", "are", "were")
        ):
            continue
        opposite = _COMPARATIVES.get(middle[1])
        if opposite and a.plural == b.plural and (b.end >= len(s) or s.tags[b.end] == "."):
            first, second = s.slice(a.start, a.end), s.slice(b.start, b.end)
            yield (
                [(a.start, b.end, f"{second} {middle[0]} {opposite} than {first}")],
                "role",
                1,
                "compared_converse",
            )
            yield [(a.end + 1, a.end + 2, opposite)], "role", 0, "comparative_opposite"
    if s.tags and s.tags[0] == "BE" and len(phrases) == 2 and "than" in s.lower:
        a, b = phrases
        middle = s.lower[a.end : b.start]
        if a.start == 1 and len(middle) == 2 and middle[1] == "than" and a.plural == b.plural:
            first, second = s.slice(1, a.end), s.slice(b.start, b.end)
            yield [(1, a.end, second), (b.start, b.end, first)], "role", 0, "compared_swapped"
            if middle[0] in _COMPARATIVES:
                yield (
                    [(1, b.end, f"{second} {_COMPARATIVES[middle[0]]} than {first}")],
                    "role",
                    1,
                    "compared_converse",
                )


def _related(s: Sentence) -> Iterator[Proposal]:
    """``A is the father of B``: exchanged (near-miss), from the other side (same)."""
    for i in range(1, len(s) - 4):
        if s.lower[i] not in ("is", "was") or s.lower[i + 1] != "the" or s.lower[i + 3] != "of":
            continue
        relative = _RELATIVES.get(s.lower[i + 2])
        names = [j for j in range(i + 4, len(s)) if s.tags[j] == "NNP"]
        if (
            not relative
            or s.tags[:i] != ["NNP"] * i
            or names != list(range(i + 4, i + 4 + len(names)))
            or not names
        ):
            continue
        end = names[-1] + 1
        if end < len(s) and s.tags[end] != ".":
            continue
        first, second = s.slice(0, i), s.slice(i + 4, end)
        yield [(0, i, second), (i + 4, end, first)], "role", 0, "relation_swapped"
        if relative != "property":
            yield [(0, end, f"{second} is a {relative} of {first}")], "role", 1, "relation_converse"
