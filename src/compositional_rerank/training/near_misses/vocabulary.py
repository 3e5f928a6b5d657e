"""Words of a corpus by class, for contents-changed near-misses."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

from .inflection import readings
from .tagging import NOUNS, Sentence
from .words import PEOPLE_NOUNS

Replacements = list[tuple[int, int, str]]
Proposal = tuple[Replacements, str, int, str]
"""What a rule proposes: token replacements, edit type, same (0/1), rule name."""

_DEFAULT: dict[str, str] = {
    "NN": "table river garden letter bridge teacher contract museum engine ticket market village"
    " doctor window report",
    "NNS": "letters bridges teachers contracts tickets villages doctors windows reports farmers"
    " tools books trees",
    "JJ": "quiet narrow modern heavy local famous wooden bright cheap rural early wide public strong cold",
    "VBG": "painting cleaning carrying watching building selling repairing drawing",
    "VBD": "painted cleaned carried watched built sold repaired described visited",
    "VBZ": "paints cleans carries watches builds sells repairs describes",
    "NNP": "Henry,Lisbon,Canada,Margaret,Chicago,Norway,Oxford,Julia,Vienna,David",
}


class Vocabulary:
    """Counts of the words that a corpus surely uses as nouns, adjectives, verbs and names.

    Example:
        >>> import random
        >>> vocabulary = Vocabulary.of(["The cat slept.", "The dog ate the bone near the barn."])
        >>> vocabulary.other("NN", "cat", random.Random(0)) in {"dog", "bone", "barn"}
        True
    """

    def __init__(self, words: dict[str, Counter[str]]) -> None:
        self._lists: dict[str, list[str]] = {}
        for tag, counts in words.items():
            common = [w for w, c in counts.most_common(20_000) if c > 1]
            chosen = common if len(common) >= 50 else list(counts)
            self._lists[tag] = sorted(chosen)
        self._people = {tag: [w for w in chosen if w in PEOPLE_NOUNS] for tag, chosen in self._lists.items()}

    @classmethod
    def default(cls) -> Vocabulary:
        """A few common words, for single sentences without a corpus."""
        return cls({tag: Counter(w.split("," if tag == "NNP" else None)) for tag, w in _DEFAULT.items()})

    @classmethod
    def of(cls, sentences: Iterable[str | Sentence]) -> Vocabulary:
        """Collect the words of sentences; only words in sure positions are taken."""
        words: dict[str, Counter[str]] = {tag: Counter() for tag in _DEFAULT}
        for item in sentences:
            s = item if isinstance(item, Sentence) else Sentence(item)
            for phrase in s.noun_phrases:
                head, tag = phrase.head, s.tags[phrase.head]
                if tag == "NNP" and phrase.core_end - phrase.start <= 3 and s.tags[phrase.start] == "NNP":
                    name = s.text[s.starts[phrase.start] : s.ends[phrase.core_end - 1]]
                    if len(name) > 3 and (s.cased or phrase.core_end - phrase.start > 1):
                        words["NNP"][name] += 1
                elif tag in NOUNS and s.tags[phrase.start] in ("DT", "PRP$", "CD") and len(s.lower[head]) > 2:
                    if s.lower[head].isalpha() and s.words[head].islower():
                        words[tag][s.lower[head]] += 1
                    for i in phrase.adjectives:
                        if s.words[i].islower() and s.lower[i].isalpha() and "JJ" in readings(s.lower[i]):
                            words["JJ"][s.lower[i]] += 1
            for i in range(1, len(s)):
                following = s.tags[i + 1] if i + 1 < len(s) else ""
                if (
                    s.tags[i] in ("VBG", "VBD", "VBZ")
                    and following in ("DT", "PRP$")
                    and s.words[i].islower()
                ):
                    if s.tags[i] != "VBG" or s.tags[i - 1] in ("BE", "NN", "NNS"):
                        words[s.tags[i]][s.lower[i]] += 1
        return cls({tag: counts for tag, counts in words.items() if counts})

    def other(self, tag: str, word: str, rng: random.Random) -> str:
        """Return another word of the same class, or an empty string when the corpus has none."""
        options = self._lists.get(tag, [])
        if tag in ("NN", "NNS") and word in PEOPLE_NOUNS and rng.random() < 0.6:
            options = self._people.get(tag) or options
        size = word.count(" ")
        for _ in range(8):
            if not options:
                break
            new = rng.choice(options)
            if new.lower() != word.lower() and (tag != "NNP" or new.count(" ") == size):
                return new
        return ""
