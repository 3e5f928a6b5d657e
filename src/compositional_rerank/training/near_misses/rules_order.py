"""Rules that move things: who did what to whom, what is where, what came first."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from .inflection import inflect, verb_lemma
from .tagging import NounPhrase, Sentence
from .vocabulary import Proposal, Replacements, Vocabulary
from .words import INTRANSITIVE_OR_LINKING, SYMMETRIC_VERBS

_OBJECT_FORM = {"he": "him", "she": "her", "they": "them", "we": "us", "i": "me"}
_CONVERSE = {
    "above": "below",
    "below": "above",
    "under": "over",
    "behind": "in front of",
    "before": "after",
    "after": "before",
    "in front of": "behind",
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "north of": "south of",
    "south of": "north of",
    "east of": "west of",
    "west of": "east of",
    "on top of": "underneath",
    "on": "under",
    "underneath": "on top of",
}
_SYMMETRIC_PLACES = (
    "next to",
    "beside",
    "near",
    "close to",
    "alongside",
    "adjacent to",
    "opposite",
    "far from",
)
_PLACES = (*_CONVERSE, *_SYMMETRIC_PLACES, "in", "inside")


def _exchange(s: Sentence, a: NounPhrase, b: NounPhrase, core: bool = False) -> Replacements:
    end_a, end_b = (a.core_end, b.core_end) if core else (a.end, b.end)
    return [(a.start, end_a, s.slice(b.start, end_b)), (b.start, end_b, s.slice(a.start, end_a))]


def _differ(s: Sentence, a: NounPhrase, b: NounPhrase) -> bool:
    return s.slice(a.start, a.end).lower() != s.slice(b.start, b.end).lower()


def _alike(s: Sentence, a: NounPhrase, b: NounPhrase) -> bool:
    """Both phrases can stand in each other's place: number, name or not, determiner or not."""
    return a.plural == b.plural and a.proper == b.proper and _bare(s, a) == _bare(s, b) and _differ(s, a, b)


def _bare(s: Sentence, p: NounPhrase) -> bool:
    return s.tags[p.start] not in ("DT", "PRP$", "CD")


def _clause_ends(s: Sentence, i: int) -> bool:
    if i < len(s) and s.words[i] in ("$", "£", "€", "`", '"', "(", "-lrb-", "-"):
        return False
    return (
        i >= len(s)
        or s.tags[i] in (".", "SUB", "CC")
        or s.lower[i] in ("in", "at", "on", "during", "with", "for")
    )


def verb_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Subject and object swapped (near-miss); active made passive and back (same)."""
    phrases = s.noun_phrases
    for a, b in itertools.pairwise(phrases):
        if s.is_question or (a.start and s.tags[a.start - 1] not in (".", "SUB")):
            continue
        if b.end < len(s) and s.tags[b.end] == "CC":
            continue
        middle = s.lower[a.end : b.start]
        tags = s.tags[a.end : b.start]
        if len(middle) == 1 and tags[0] in ("VBD", "VBZ") and _clause_ends(s, b.end):
            lemma = verb_lemma(middle[0])
            if not lemma or lemma in INTRANSITIVE_OR_LINKING:
                continue
            same = int(lemma in SYMMETRIC_VERBS)
            if _alike(s, a, b) or (tags[0] == "VBD" and _differ(s, a, b) and not a.plural and not b.plural):
                yield _exchange(s, a, b), "role", same, "subject_object_swapped"
            past, participle = inflect(lemma, "VBD"), inflect(lemma, "VBN")
            if participle and (tags[0] == "VBZ" or middle[0] == past):
                be = ("were" if b.plural else "was") if tags[0] == "VBD" else ("are" if b.plural else "is")
                subject, object_ = s.slice(a.start, a.end), s.slice(b.start, b.end)
                yield (
                    [(a.start, b.end, f"{object_} {be} {participle} by {subject}")],
                    "role",
                    1,
                    "active_to_passive",
                )
                if a.proper == b.proper:
                    be = (
                        ("were" if a.plural else "was") if tags[0] == "VBD" else ("are" if a.plural else "is")
                    )
                    yield (
                        [(a.start, b.end, f"{subject} {be} {participle} by {object_}")],
                        "role",
                        same,
                        "passive_swapped",
                    )
        elif len(middle) == 2 and tags == ["BE", "VBG"] and middle[0] in ("is", "are", "was", "were"):
            lemma = verb_lemma(middle[1])
            if not lemma or lemma in INTRANSITIVE_OR_LINKING or not _clause_ends(s, b.end):
                continue
            if a.plural == b.plural and a.proper == b.proper and _differ(s, a, b):
                yield _exchange(s, a, b), "role", 0, "subject_object_swapped"
            participle = inflect(lemma, "VBN")
            if participle:
                be = {"is": "is", "are": "is", "was": "was", "were": "was"}[middle[0]]
                be = {"is": "are", "was": "were"}[be] if b.plural else be
                subject, object_ = s.slice(a.start, a.end), s.slice(b.start, b.end)
                yield (
                    [(a.start, b.end, f"{object_} {be} being {participle} by {subject}")],
                    "role",
                    1,
                    "active_to_passive",
                )
        elif len(middle) == 3 and tags[:2] == ["BE", "VBN"] and middle[2] == "by" and _clause_ends(s, b.end):
            yield from _passive(s, a, b, middle)
        elif len(middle) == 1 and tags == ["VBG"] and a.start == 0:
            if middle[0] not in ("including", "being") and a.plural == b.plural and _differ(s, a, b):
                if verb_lemma(middle[0]) not in INTRANSITIVE_OR_LINKING:
                    yield _exchange(s, a, b), "role", 0, "subject_object_swapped"


def _passive(s: Sentence, a: NounPhrase, b: NounPhrase, middle: list[str]) -> Iterator[Proposal]:
    lemma = verb_lemma(middle[1])
    if not lemma or middle[0] not in ("is", "are", "was", "were") or s.tags[b.head] == "CD":
        return
    if s.tags[b.start] in ("NN", "NNS") and not b.proper:
        return
    if a.plural == b.plural and _differ(s, a, b):
        yield _exchange(s, a, b), "role", 0, "passive_swapped"
    verb = (
        inflect(lemma, "VBD")
        if middle[0] in ("was", "were")
        else (lemma if b.plural else inflect(lemma, "VBZ"))
    )
    if verb:
        subject, object_ = s.slice(a.start, a.end), s.slice(b.start, b.end)
        yield [(a.start, b.end, f"{object_} {verb} {subject}")], "role", 1, "passive_to_active"
        if a.plural == b.plural:
            yield [(a.start, b.end, f"{subject} {verb} {object_}")], "role", 0, "passive_to_active_swapped"


def phrase_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Noun phrases exchanged around prepositions and conjunctions, or anywhere in a long sentence."""
    phrases = s.noun_phrases
    for a, b in itertools.pairwise(phrases):
        link = " ".join(s.lower[a.end : b.start])
        before = s.tags[a.start - 1] if a.start else ""
        if link in ("and", "or") and a.plural + b.plural in (0, 2) and _differ(s, a, b):
            if a.proper != b.proper or _bare(s, a) != _bare(s, b):
                continue
            if not _clause_ends(s, b.end) and s.tags[b.end] not in ("VBZ", "VBD", "BE", "MD"):
                continue
            if before in ("", "IN", "VBD", "VBZ", "VBG", "VB", "BE") and s.lower[a.start - 1] != ",":
                yield _exchange(s, a, b), "binding", 1, "conjuncts_swapped"
        elif link in ("from", "to") and (before == "IN" or s.lower[a.start - 1 : a.start] == ["from"]):
            if s.lower[a.start - 1] == "from" and link == "to" and _differ(s, a, b):
                yield _exchange(s, a, b), "role", 0, "from_to_swapped"
                one, two = s.slice(a.start, a.end), s.slice(b.start, b.end)
                yield [(a.start - 1, b.end, f"to {two} from {one}")], "role", 1, "from_to_order"
        elif link == "and" and before == "IN" and s.lower[a.start - 1] == "between":
            yield _exchange(s, a, b), "role", 1, "between_order"
        elif link in _PLACES and _differ(s, a, b) and a.proper == b.proper:
            yield from _places(s, a, b, link)
    yield from _copular_place(s)
    yield from _far_swaps(s, rng)


def _places(s: Sentence, a: NounPhrase, b: NounPhrase, link: str) -> Iterator[Proposal]:
    time_words = ("week", "day", "month", "year", "age", "war", "time", "january", "century", "night")
    if s.tags[a.start] in ("NN", "NNS") or any(w in s.lower[b.start : b.end] for w in time_words):
        return
    if s.tags[b.start] not in ("DT", "NNP", "PRP$", "CD") or not _clause_ends(s, b.end):
        return
    if link in _SYMMETRIC_PLACES and (a.start == 0 or s.tags[a.start - 1] in (".", "CC")):
        if b.end >= len(s) - 1:
            yield _exchange(s, a, b), "spatial", 1, "place_swapped_symmetric"
    elif link not in _SYMMETRIC_PLACES:
        kind = "temporal" if link in ("before", "after") else "spatial"
        if a.start == 0 or s.tags[a.start - 1] in ("BE", "VBG", "IN", "VBZ", "VBD"):
            yield _exchange(s, a, b), kind, 0, "place_swapped"
        if link in _CONVERSE and a.start == 0 and b.end >= len(s) - 1 and link != "on":
            one, two = s.slice(a.start, a.end), s.slice(b.start, b.end)
            yield [(a.start, b.end, f"{two} {_CONVERSE[link]} {one}")], kind, 1, "place_converse"


def _copular_place(s: Sentence) -> Iterator[Proposal]:
    phrases = s.noun_phrases
    for a, b in itertools.pairwise(phrases):
        middle = s.lower[a.end : b.start]
        if a.start and s.tags[a.start - 1] not in (".", "SUB", "CC"):
            continue
        if len(middle) < 2 or middle[0] not in ("is", "was", "are", "were") or not _clause_ends(s, b.end):
            continue
        link = " ".join(
            w for w in middle[1:] if w not in ("located", "situated", "directly", "standing", "sitting")
        )
        same_number = a.plural == b.plural
        if same_number and link in _CONVERSE and link != "on" and _differ(s, a, b):
            yield _exchange(s, a, b), "spatial", 0, "place_swapped"
            one, two = s.slice(a.start, a.end), s.slice(b.start, b.end)
            if len(middle) == len(link.split()) + 1:
                yield (
                    [(a.start, b.end, f"{two} {middle[0]} {_CONVERSE[link]} {one}")],
                    "spatial",
                    1,
                    "place_converse",
                )
        elif same_number and link in _SYMMETRIC_PLACES and _differ(s, a, b):
            yield _exchange(s, a, b), "spatial", 1, "place_swapped_symmetric"
        elif same_number and middle[-1] == "than" and len(middle) in (3, 4) and _differ(s, a, b):
            yield _exchange(s, a, b), "role", 0, "compared_swapped"


def _far_swaps(s: Sentence, rng: random.Random) -> Iterator[Proposal]:
    """Two noun phrases of one kind that are not joined by a conjunction exchange their places (PAWS-like)."""
    phrases = [p for p in s.noun_phrases if s.tags[p.start] not in ("CD",)]
    pairs = [
        (a, b)
        for n, a in enumerate(phrases)
        for b in phrases[n + 1 :]
        if b.start - a.end >= 2 and _alike(s, a, b) and not _listed(s, a, b) and not _in_fixed(s, a, b)
    ]
    rng.shuffle(pairs)
    for a, b in pairs[:3]:
        yield _exchange(s, a, b), "role", 0, "phrases_swapped"


def _in_fixed(s: Sentence, a: NounPhrase, b: NounPhrase) -> bool:
    """Exchanging is no surely different meaning around be, symmetric links and naming."""
    between = s.lower[a.end : b.start]
    symmetric = {
        "and",
        "or",
        "met",
        "married",
        "between",
        "with",
        "called",
        "named",
        "both",
        "equals",
        "beside",
        "near",
    }
    single_be = len(between) == 1 or (bool(symmetric & set(between)) and len(between) <= 3)
    return (
        single_be
        or (s.tags[a.end] == "BE" and b.start - a.end <= 2)
        or s.lower[a.end : a.end + 2] == ["next", "to"]
    )


def _listed(s: Sentence, a: NounPhrase, b: NounPhrase) -> bool:
    between = s.tags[a.end : b.start]
    return all(tag in ("CC", ".", "NN", "NNS", "NNP", "DT", "JJ") for tag in between)
