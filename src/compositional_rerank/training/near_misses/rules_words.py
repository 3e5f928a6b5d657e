"""Rules that replace words: tables, numbers, contents. Near-misses and their meaning-preserving siblings."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .inflection import inflect, verb_lemma
from .tagging import NOUNS, Sentence
from .vocabulary import Proposal, Vocabulary
from .word_classes import ANTONYMS, CONTENT_SYNONYMS
from .word_groups import COHYPONYMS
from .word_tables import CHANGES, SYNONYMS
from .words import MONTHS, WEEKDAYS

_CALENDAR = frozenset(name.lower() for name in (*MONTHS, *WEEKDAYS))
_PREDICATIVE = frozenset(ANTONYMS) - {
    "old",
    "public",
    "major",
    "minor",
    "early",
    "late",
    "local",
    "male",
    "female",
    "native",
    "foreign",
    "private",
    "high",
    "low",
    "good",
    "bad",
    "hard",
    "big",
} | frozenset(
    [
        "red",
        "blue",
        "green",
        "yellow",
        "black",
        "white",
        "brown",
        "orange",
        "purple",
        "pink",
        "grey",
        "gray",
        "striped",
        "wooden",
        "muddy",
        "crowded",
    ]
)
_AFTER_BE = frozenset(("present", "absent", "open", "dead", "alive", "true", "false", "complete", "direct"))
_SPATIAL_NOT_AFTER = frozenset(
    ("depend", "based", "focus", "rely", "goes", "put", "turn", "depends", "turned", "set")
)
_PLACE_HEADS = frozenset(
    [
        "table",
        "chair",
        "bench",
        "couch",
        "bed",
        "desk",
        "shelf",
        "sofa",
        "plate",
        "bowl",
        "cup",
        "box",
        "bag",
        "car",
        "truck",
        "boat",
        "building",
        "house",
        "room",
        "street",
        "road",
        "field",
        "park",
        "beach",
        "water",
        "tree",
        "wall",
        "fence",
        "grass",
        "floor",
        "roof",
        "river",
        "lake",
        "bridge",
        "door",
        "window",
        "horse",
        "bike",
        "counter",
        "sidewalk",
        "kitchen",
        "garden",
        "yard",
        "snow",
        "sand",
        "ground",
        "hill",
        "mountain",
        "forest",
        "stage",
        "store",
        "shop",
        "basket",
        "tent",
        "pool",
        "train",
        "bus",
    ]
)


def _spatial_ok(s: Sentence, i: int, j: int) -> bool:
    """A bare ``in``/``on``/... is spatial only before a noun phrase whose head is a thing or a place."""
    if j - i > 1 or s.lower[i] not in (
        "in",
        "on",
        "under",
        "over",
        "into",
        "outside",
        "between",
        "through",
        "up",
    ):
        return True
    if i and (s.lower[i - 1] in _SPATIAL_NOT_AFTER):
        return False
    phrase = next((p for p in s.noun_phrases if p.start == j), None)
    return phrase is not None and s.lower[phrase.head].removesuffix("s") in _PLACE_HEADS


def _fits(s: Sentence, i: int, j: int, kind: str, old: str, new: str) -> bool:
    after = s.lower[j] if j < len(s) else ""
    if old in _AFTER_BE and (not i or s.tags[i - 1] != "BE"):
        return False
    if kind == "spatial":
        return _spatial_ok(s, i, j)
    if old == "like" or (old == "still" and new == "no longer" and s.tags[j - 2 if j > 1 else 0] == "DT"):
        return False
    if old in ("all", "every", "each", "many", "most", "several", "numerous", "both", "few"):
        plural = j < len(s) and any(p.start == i and p.plural for p in s.noun_phrases)
        if after in ("of", "the", "other", "and") or (
            i and s.tags[i - 1] in ("DT", "RB", "IN", "PRP$", "CC")
        ):
            return False
        return plural if old not in ("every", "each") else new in ("no", "each", "every")
    if old in ("more", "less"):
        return new in ("more", "less") and (s.tags[j] if j < len(s) else "") in ("JJ", "NN", "NNS", "RB")
    if old in ("first", "last", "past", "early", "late"):
        return bool(i) and s.tags[i - 1] in ("DT", "IN", "PRP$", "CC") and after not in ("of", ",", "and")
    if old in ("about",):
        return j < len(s) and s.tags[j] == "CD"
    if (" " in new and old in ("before", "after")) or new == "following":
        return not any(tag in ("VBD", "VBZ", "BE", "MD", "VBN", "VB") for tag in s.tags[j : j + 8])
    if old in ("before", "after", "since", "until", "during", "prior to"):
        return not (new == "during" and old != "during") and not (
            old == "during" and new == "before" and after == ""
        )
    if new in ("over", "under", "below", "up to", "exactly", "at least", "at most", "fewer than"):
        return j < len(s) and s.tags[j] == "CD"
    return True


_Found = tuple[str, int, dict[str, list[str]], str]
_Index = dict[str, list[tuple[list[str], list[_Found]]]]


def _index() -> _Index:
    by_phrase: dict[str, list[_Found]] = {}
    for tables, same, name in ((CHANGES, 0, "contrast"), (SYNONYMS, 1, "synonym")):
        for kind, table in tables.items():
            for phrase in table:
                by_phrase.setdefault(phrase, []).append((kind, same, table, f"{kind}_{name}"))
    for phrase in CONTENT_SYNONYMS:
        by_phrase.setdefault(phrase, []).append(("object", 1, CONTENT_SYNONYMS, "content_synonym"))
    index: _Index = {}
    for phrase in sorted(by_phrase, key=lambda p: (-p.count(" "), p)):
        index.setdefault(phrase.split()[0], []).append((phrase.split(), by_phrase[phrase]))
    return index


_BY_FIRST_WORD = _index()


def _matches(s: Sentence) -> Iterator[tuple[int, int, str, _Found]]:
    """The table entries found at each place, the longest phrase of a table only."""
    for i, low in enumerate(s.lower):
        done: set[str] = set()
        for words, entries in _BY_FIRST_WORD.get(low, ()):
            size = len(words)
            if size == 1 or s.lower[i : i + size] == words:
                for found in entries:
                    if found[3] not in done:
                        done.add(found[3])
                        yield i, i + size, " ".join(words), found


def _fixed_to_not(s: Sentence, i: int, new: str) -> bool:
    """A replacement that begins with ``not`` is only grammatical after a form of be."""
    return not new.startswith("not ") or (i > 0 and s.tags[i - 1] == "BE")


def table_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Replace a word or phrase by its contrary (near-miss) or by a synonym (same meaning)."""
    for i, j, old, (kind, same, table, name) in _matches(s):
        new = rng.choice(table[old])
        if kind == "object":
            if not (s.words[i][0].isupper() and i):
                yield [(i, j, new)], "object", 1, "content_synonym"
            continue
        if (old == "can" and s.tags[i] != "MD") or (i and s.tags[i - 1] == "POS"):
            continue
        if old == "with" and (j >= len(s) or s.tags[j] in ("PRP", "VBG")):
            continue
        if _fits(s, i, j, kind, old, new) and _fixed_to_not(s, i, new):
            if old in _CALENDAR and s.words[i][0].isupper():
                new = new.capitalize()
            yield [(i, j, new)], kind, same, name


def content_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Replace a noun, adjective, verb or name by another of its class and form: contents changed."""
    for i, tag in enumerate(s.tags):
        low = s.lower[i]
        if low in COHYPONYMS and tag in ("NN", "NNS", "JJ", "VBG", "VBZ"):
            yield [(i, i + 1, rng.choice(COHYPONYMS[low]))], "object", 0, "cohyponym"
        if low in ANTONYMS and tag == "JJ":
            yield [(i, i + 1, rng.choice(ANTONYMS[low]))], "object", 0, "antonym"
        if i and s.tags[i - 1] in ("WRB", "PRP") and tag == "NN":
            continue
        if (tag in ("NN", "NNS", "JJ") and len(low) > 2) or tag in ("VBG", "VBD", "VBZ"):
            if tag.startswith("V") and not verb_lemma(low):
                continue
            if tag in ("VBD", "VBZ") and (
                i + 1 >= len(s) or s.tags[i + 1] not in ("DT", "PRP$", "NNP", "JJ", "NNS")
            ):
                continue
            new = vocab.other(tag, low, rng)
            if new:
                yield [(i, i + 1, new)], "object", 0, f"content_{tag.lower()}"
    for phrase in s.noun_phrases:
        if phrase.proper and phrase.start == phrase.head - (phrase.core_end - phrase.start - 1):
            old = s.text[s.starts[phrase.start] : s.ends[phrase.core_end - 1]]
            new = vocab.other("NNP", old, rng)
            if new:
                yield [(phrase.start, phrase.core_end, new)], "object", 0, "name_changed"
    yield from _adjective_dropped(s, rng)


def _adjective_dropped(s: Sentence, rng: random.Random) -> Iterator[Proposal]:
    for phrase in s.noun_phrases:
        if phrase.adjectives and phrase.adjectives[-1] + 1 == phrase.head and s.tags[phrase.head] in NOUNS:
            i = phrase.adjectives[-1]
            if s.lower[i] not in _PREDICATIVE or (
                phrase.start and s.tags[phrase.start - 1] in ("PRP", "POS")
            ):
                continue
            if len(phrase.adjectives) == 1 and s.lower[phrase.start] in ("a", "an", "the"):
                rest = s.slice(i + 1, phrase.core_end)
                be = "are" if phrase.plural else "is"
                if phrase.core_end == phrase.end and (
                    phrase.end >= len(s) or s.tags[phrase.end] in (".", "CC", "VBZ")
                ):
                    yield (
                        [(i, phrase.end, f"{rest} that {be} {s.lower[i]}")],
                        "binding",
                        1,
                        "adjective_to_relative",
                    )


def progressive_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Captions: ``is riding`` = ``rides`` = ``riding``; the sentence may begin with ``There is``."""
    for i in range(len(s) - 1):
        if s.lower[i] in ("is", "are") and s.tags[i + 1] == "VBG" and i and s.tags[i - 1] in NOUNS:
            lemma = verb_lemma(s.lower[i + 1])
            if lemma and not s.is_question:
                form = inflect(lemma, "VBZ") if s.lower[i] == "is" else lemma
                yield [(i, i + 2, form)], "role", 1, "progressive_to_simple"
                if s.lower[0] in ("a", "an", "two", "three", "some") and s.noun_phrases[0].end == i:
                    be = "is" if s.lower[i] == "is" else "are"
                    first = s.slice(0, i)
                    yield [(0, i + 1, f"there {be} {first}")], "spatial", 1, "there_is"
        elif s.tags[i + 1] == "VBZ" and i and s.tags[i] == "NN" and s.lower[0] in ("a", "an"):
            lemma = verb_lemma(s.lower[i + 1])
            if lemma and s.noun_phrases and s.noun_phrases[0].end == i + 1:
                yield [(i + 1, i + 2, f"is {inflect(lemma, 'VBG')}")], "role", 1, "simple_to_progressive"
