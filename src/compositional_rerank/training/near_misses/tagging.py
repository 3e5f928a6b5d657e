"""A light reading of a sentence: tokens, parts of speech by closed classes and context, noun phrases.

It is made to be sure rather than complete: a rule that does not find what it needs makes no edit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .inflection import article, readings
from .words import CLOSED, FIXED, MONTHS, SINGULAR_DETERMINERS, WEEKDAYS

_TOKEN = re.compile(
    r"-[lr][rs]b-|\d+(?:[.,:]\d+)*%?(?!\w)|\w+(?:-\w+)*(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|\w+(?:-\w+)*|[^\w\s]"
)
_ARTICLE = re.compile(r"\b([Aa]n?)( +)([\w]+)")
_CALENDAR = frozenset(MONTHS) | frozenset(WEEKDAYS)
NOUNS = frozenset(("NN", "NNS", "NNP"))
VERBS = frozenset(("VB", "VBZ", "VBD", "VBN", "VBG"))
NP_START = frozenset(("DT", "PRP$", "CD", "JJ", "NN", "NNS", "NNP"))


@dataclass(frozen=True)
class NounPhrase:
    """Tokens ``start..end`` (end excluded) with the head noun's index; `core_end` leaves ``of ...`` out."""

    start: int
    end: int
    head: int
    core_end: int
    plural: bool
    proper: bool
    adjectives: tuple[int, ...]


class Sentence:
    """A sentence read once and used by all rules."""

    def __init__(self, text: str) -> None:
        self.text = text
        matches = list(_TOKEN.finditer(text))
        self.words = [m.group() for m in matches]
        self.starts = [m.start() for m in matches]
        self.ends = [m.end() for m in matches]
        self.lower = [w.lower() for w in self.words]
        self.cased = any(c.isupper() for c in text)
        self.tags = self._tag()
        self._mark_fixed()
        self.is_question = bool(self.words) and (
            self.words[-1] == "?"
            or self.tags[0] == "WRB"
            or self.lower[0] in ("who", "what", "which", "whose")
        )

    def __len__(self) -> int:
        return len(self.words)

    def _tag(self) -> list[str]:
        tags: list[str] = []
        for i in range(len(self.words)):
            tags.append(self._tag_one(i, tags[i - 1] if i else "", tags))
        return tags

    def _mark_fixed(self) -> None:
        for i, low in enumerate(self.lower):
            for phrase in FIXED.get(low, ()):
                if tuple(self.lower[i : i + len(phrase)]) == phrase:
                    self.tags[i : i + len(phrase)] = ["IN"] * len(phrase)

    def _nounable(self, i: int) -> bool:
        if i >= len(self.words) or self.lower[i] in CLOSED:
            return False
        return bool({"NN", "NNS"} & readings(self.lower[i])) or self.words[i][:1].isupper()

    def _tag_one(self, i: int, previous: str, tags: list[str]) -> str:
        word, low = self.words[i], self.lower[i]
        if not word[0].isalnum() and word[0] != "'":
            return "."
        if low[0].isdigit():
            return "CD"
        if low == "that" and previous in NOUNS:
            return "SUB"
        if low == "'s" and previous in NOUNS and i + 1 < len(self.words) and self._nounable(i + 1):
            return "POS"
        if low == "her" and not self._nounable(i + 1) and "JJ" not in readings(self._at(i + 1)):
            return "PRP"
        closed = CLOSED.get(low)
        if closed and not (word in _CALENDAR and i):
            return closed
        if word in _CALENDAR or (word[0].isupper() and (i or not readings(low))):
            return "NNP"
        return self._open_tag(i, previous, tags)

    def _at(self, i: int) -> str:
        return self.lower[i] if i < len(self.lower) else ""

    def _open_tag(self, i: int, previous: str, tags: list[str]) -> str:
        options = readings(self.lower[i])
        if not options:
            return "NNP" if not self.cased and self.lower[i].isalpha() else "FW"
        if self.lower[i].endswith("ly") and "RB" in options and "NN" not in options:
            return "RB"

        def first(*order: str) -> str:
            return next((tag for tag in order if tag in options), "")

        noun_next = self._nounable(i + 1)
        if noun_next and "JJ" in options and previous not in ("MD", "TO"):
            following = readings(self._at(i + 1))
            if previous in ("DT", "PRP$", "CD", "JJ", "POS", "IN") or not following & {"VBZ", "VBD"}:
                if not (previous in NOUNS and options & {"VBZ", "VBD"}):
                    return "JJ"
        if previous in ("DT", "PRP$", "JJ", "POS", "CD"):
            if noun_next and previous != "JJ" and options & {"VBN", "VBG"} and not options & {"NN", "NNS"}:
                return "JJ"
            return first("NN", "NNS", "JJ", "VBG", "VBN", "RB", "VBZ", "VBD", "VB")
        if previous == "MD" or (i and self.lower[i - 1] == "to") or previous == "DO":
            return first("VB", "NN", "NNS", "RB", "JJ") or first("VBG", "VBN", "VBZ")
        if previous in ("BE", "HV"):
            return first("VBG", "VBN", "JJ", "NN", "NNS", "RB", "VB")
        if previous == "NN" or previous == "NNP":
            return first("VBZ", "VBD", "VBG", "VBN", "NN", "NNS", "RB", "JJ", "VB")
        if previous == "NNS":
            return first("VBD", "VBG", "VB", "VBN", "RB", "NN", "NNS", "JJ", "VBZ")
        if previous == "PRP":
            return first("VBZ", "VBD", "VB", "VBG", "VBN", "NN", "NNS", "JJ", "RB")
        if previous == "RB":
            before = tags[i - 2] if i > 1 else ""
            if before in ("DO", "MD") and "VB" in options:
                return "VB"
            if before in ("BE", "HV"):
                return first("VBG", "VBN", "JJ", "RB", "NN", "NNS", "VB")
            if before in NOUNS or before == "PRP":
                return first("VBZ", "VBD", "VB", "VBG", "VBN", "JJ", "NN", "NNS", "RB")
            return first("JJ", "RB", "VBG", "VBN", "NN", "NNS", "VB", "VBD", "VBZ")
        if previous == "IN" and self.lower[i].endswith("ing") and "VBG" in options:
            return "VBG"
        return first("NN", "NNS", "JJ", "VBG", "VBD", "VBN", "RB", "VB", "VBZ")

    @cached_property
    def noun_phrases(self) -> list[NounPhrase]:
        """Simple noun phrases left to right, ``of`` phrases joined to the noun before."""
        found: list[NounPhrase] = []
        i = 0
        while i < len(self.words):
            phrase = self._phrase_at(i)
            if phrase is None:
                i += 1
                continue
            while phrase.end + 1 < len(self.words) and self.lower[phrase.end] == "of":
                more = self._phrase_at(phrase.end + 1)
                if more is None:
                    break
                phrase = NounPhrase(
                    phrase.start,
                    more.end,
                    phrase.head,
                    phrase.core_end,
                    phrase.plural,
                    phrase.proper,
                    phrase.adjectives,
                )
            found.append(phrase)
            i = phrase.end
        return found

    def _phrase_at(self, start: int) -> NounPhrase | None:
        tags, n = self.tags, len(self.words)
        i = start
        if tags[i] not in NP_START:
            return None
        while i < n and tags[i] in ("DT", "PRP$", "CD"):
            i += 1
        adjectives: list[int] = []
        while i < n and tags[i] == "JJ":
            adjectives.append(i)
            i += 1
        head = -1
        while i < n and tags[i] in NOUNS:
            if head >= 0 and (tags[head] == "NNS" or (tags[i] == "NNP") != (tags[head] == "NNP")):
                break
            head = i
            i += 1
        if head < 0:
            return None
        if i + 1 < n and tags[i] == "POS":
            rest = self._phrase_at(i + 1)
            if rest is not None:
                return NounPhrase(start, rest.end, rest.head, rest.end, rest.plural, False, rest.adjectives)
        plural = tags[head] == "NNS" and self.lower[start] not in SINGULAR_DETERMINERS
        return NounPhrase(start, i, head, i, plural, tags[head] == "NNP", tuple(adjectives))

    def slice(self, start: int, end: int) -> str:
        """The text of tokens ``start..end`` (end excluded), as it is written inside a sentence."""
        if start >= end:
            return ""
        text = self.text[self.starts[start] : self.ends[end - 1]]
        return text if start else self.inner(text)

    def inner(self, text: str) -> str:
        """Lower the first letter of the sentence's first word unless it is a name."""
        if not self.tags or self.tags[0] == "NNP" or self.words[0] in ("I",) or self.words[0][1:2].isupper():
            return text
        return text[:1].lower() + text[1:]

    def lower_at(self, i: int) -> str:
        """The word as it stands inside a sentence."""
        return self.slice(i, i + 1)

    def rebuild(self, replacements: Sequence[tuple[int, int, str]]) -> str:
        """Replace token spans by texts (an empty text deletes); spacing, capital and a/an are put right."""
        out: list[str] = []
        position = 0
        for start, end, new in sorted(replacements):
            left = self.starts[start] if start < len(self.words) else len(self.text.rstrip())
            right = self.ends[end - 1] if end > start else left
            if end == start and new:
                new = new + " " if start < len(self.words) and self.words[start][0].isalnum() else " " + new
                if new[0] == " " and left and self.text[left - 1] == " ":
                    left = right = left - 1
            out.append(self.text[position:left])
            position = right
            if not new and position < len(self.text) and self.text[position] == " ":
                position += 1
            elif not new and out[-1].endswith(" "):
                out[-1] = out[-1][:-1]
            out.append(new)
        out.append(self.text[position:])
        text = "".join(out)
        if sorted(replacements)[0][0] > 0 or not self.words:
            return self._articles(text)
        first = text[:1]
        if self.text[:1].isupper():
            text = first.upper() + text[1:]
        return self._articles(text)

    def _articles(self, text: str) -> str:
        known = {(m.group(1).lower(), m.group(3)) for m in _ARTICLE.finditer(self.text)}

        def fix(match: re.Match[str]) -> str:
            written, space, word = match.groups()
            if (written.lower(), word) in known or (written == "A" and match.start() and not word.islower()):
                return match.group()
            right = article(word)
            return (right.capitalize() if written[0] == "A" else right) + space + word

        return _ARTICLE.sub(fix, text)
