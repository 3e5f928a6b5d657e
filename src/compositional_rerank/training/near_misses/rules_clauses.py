"""Rules over clauses: negation, contraction, clause order, question wording."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .inflection import inflect, verb_lemma
from .tagging import NOUNS, Sentence
from .vocabulary import Proposal, Vocabulary
from .word_classes import ANTONYMS
from .words import FINITE_BE, MODALS, MONTHS

_CONTRACTED = {
    "is": "isn't",
    "are": "aren't",
    "was": "wasn't",
    "were": "weren't",
    "has": "hasn't",
    "have": "haven't",
    "had": "hadn't",
    "does": "doesn't",
    "do": "don't",
    "did": "didn't",
    "would": "wouldn't",
    "could": "couldn't",
    "should": "shouldn't",
}
_POLAR = {
    "can": "cannot",
    "will": "will not",
    "would": "would not",
    "could": "could not",
    "should": "should not",
    "must": "must not",
    "may": "may not",
    "might": "might not",
    "shall": "shall not",
}
_SURE = (
    "It is true that",
    "There is no doubt that",
    "Nobody disputes that",
    "It is a fact that",
    "It is certain that",
)
_DENIED = (
    "It is not true that",
    "It is false that",
    "Nobody believes that",
    "It is untrue that",
    "It is doubtful that",
)
_CLAUSE_LINKS = (
    "because",
    "although",
    "though",
    "while",
    "when",
    "before",
    "after",
    "if",
    "unless",
    "whereas",
)


def negation_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """``not`` added or taken away (near-miss); contracted, written out or doubled (same)."""
    if not s.words:
        return
    polar_question = s.is_question and s.tags[0] in ("BE", "DO", "MD", "HV")
    for i in range(1, len(s)):
        low, tag = s.lower[i], s.tags[i]
        after = s.lower[i + 1] if i + 1 < len(s) else ""
        if low in ("not", "n't"):
            yield from _negated(s, i)
            continue
        if after in ("not", "n't") or polar_question or tag not in ("BE", "MD", "HV"):
            continue
        if low not in FINITE_BE and low not in MODALS and low not in ("has", "have", "had"):
            continue
        if low in ("has", "have", "had") and (i + 1 >= len(s) or s.tags[i + 1] != "VBN"):
            continue
        if s.tags[i - 1] == "WRB" or (after in ("the", "also", ",", "there", "only", "") and s.is_question):
            continue
        if low not in ("cannot", "might", "may", "'s", "'re") and s.tags[i - 1] not in ("IN", "CC"):
            new = _POLAR.get(low, f"{low} not") if low != "am" else "am not"
            if rng.random() < 0.35:
                new = _CONTRACTED.get(low, new)
            yield [(i, i + 1, new)], "negation", 0, "add_not"
            if low == "can" and i and s.tags[i - 1] in ("NN", "NNP"):
                yield [(i, i + 1, "is able to")], "negation", 1, "can_able"
        if low in FINITE_BE and i + 1 < len(s) and s.tags[i + 1] == "JJ" and after in ANTONYMS:
            if i + 2 >= len(s) or s.tags[i + 2] in (".", "IN", "CC"):
                yield [(i + 1, i + 2, f"not {after}")], "negation", 0, "add_not"
    if not s.is_question and not polar_question:
        yield from _main_verb(s, rng)
        yield from _framed(s, rng)


def _negated(s: Sentence, i: int) -> Iterator[Proposal]:
    before = s.lower[i - 1]
    after = s.lower[i + 1] if i + 1 < len(s) else ""
    if after in ("only", "just", "even", "all", "yet", "until") or before in (
        "or",
        "but",
        "and",
        ",",
        "if",
        "ca",
        "wo",
    ):
        return
    if s.lower[i] == "not" and before in _CONTRACTED:
        yield [(i - 1, i + 1, _CONTRACTED[before])], "negation", 1, "contracted"
    elif s.lower[i] == "n't" and before in _CONTRACTED:
        yield [(i - 1, i + 1, f"{before} not")], "negation", 1, "written_out"
    if s.tags[i - 1] in ("BE", "MD") or before in ("has", "have", "had"):
        yield [(i, i + 1, "")], "negation", 0, "not_removed"
    elif before in ("did", "does", "do") and i + 1 < len(s) and s.tags[i + 1] == "VB" and i > 1:
        form = {"did": "VBD", "does": "VBZ", "do": "VB"}[before]
        verb = inflect(after, form) if form != "VB" else after
        if verb and s.tags[i - 2] in (*NOUNS, "PRP"):
            yield [(i - 1, i + 2, verb)], "negation", 0, "not_removed"


def _main_verb(s: Sentence, rng: random.Random) -> Iterator[Proposal]:
    """``took`` -> ``did not take`` where the verb is surely the main verb of the first clause."""
    for p in s.noun_phrases[:3]:
        i = p.end
        if p.start and s.tags[p.start - 1] not in (".",):
            continue
        if i >= len(s) - 1 or s.tags[i] not in ("VBD", "VBZ"):
            continue
        lemma = verb_lemma(s.lower[i])
        sure = (
            s.tags[i] == "VBZ"
            or inflect(lemma, "VBN") != s.lower[i]
            or s.tags[i + 1] in ("DT", "PRP$", "PRP")
        )
        if not lemma or not sure:
            continue
        do = "did" if s.tags[i] == "VBD" else "does"
        contracted = rng.random() < 0.35
        yield [(i, i + 1, f"{do}n't {lemma}" if contracted else f"{do} not {lemma}")], "negation", 0, "do_not"
        if s.tags[i] == "VBD":
            yield [(i, i + 1, f"did in fact {lemma}")], "negation", 1, "did_indeed"
            yield [(i, i + 1, f"never {s.lower[i]}")], "negation", 0, "never"
        break


def _framed(s: Sentence, rng: random.Random) -> Iterator[Proposal]:
    finite = sum(tag in ("BE", "MD", "VBD", "VBZ") for tag in s.tags)
    if not 4 <= len(s) <= 18 or finite != 1 or s.tags[0] not in ("DT", "NNP", "PRP", "NNS", "PRP$"):
        return
    if s.lower[0] in ("no", "few") or "not" in s.lower or "n't" in s.lower or s.words[-1] not in (".",):
        return
    first = s.slice(0, 1) if s.cased else s.words[0]
    for frames, same, name in ((_SURE, 1, "framed_true"), (_DENIED, 0, "framed_false")):
        frame = rng.choice(frames)
        text = frame if s.cased else frame.lower()
        yield [(0, 1, f"{text} {s.inner(first)}")], "negation", same, name


def order_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Clauses and phrases put first or last (same); the two clauses exchanged around a link (near-miss)."""
    n = len(s)
    end = n - 1 if n and s.tags[-1] == "." else n
    if n < 5 or s.is_question or '"' in s.text or "(" in s.text:
        return
    if s.lower[0] in _CLAUSE_LINKS and s.tags[0] == "SUB":
        commas = [i for i in range(2, end) if s.words[i] == ","]
        if len(commas) == 1 and _has_verb(s, 1, commas[0]) and _has_verb(s, commas[0] + 1, end):
            c = commas[0]
            one, two = s.slice(1, c), s.slice(c + 1, end)
            link = s.lower[0]
            kind = "temporal" if link in ("before", "after", "when", "while") else "negation"
            yield [(0, end, f"{two} {link} {one}")], kind, 1, "clause_last"
            if link in ("before", "after", "because", "although", "if"):
                yield [(1, c, two), (c + 1, end, one)], kind, 0, "clauses_swapped"
    for i in range(3, end - 2):
        link = s.lower[i]
        if (
            link in _CLAUSE_LINKS
            and s.tags[i] == "SUB"
            and "," not in s.words
            and s.tags[i - 1] not in ("CC", "IN")
        ):
            if not (_has_verb(s, 0, i) and _has_verb(s, i + 1, end)) or s.tags[i + 1] not in (
                "DT",
                "PRP",
                "NNP",
                "PRP$",
            ):
                continue
            one, two = s.slice(0, i), s.slice(i + 1, end)
            kind = "temporal" if link in ("before", "after", "when", "while") else "negation"
            yield [(0, end, f"{link} {two}, {one}")], kind, 1, "clause_first"
            if link in ("before", "after"):
                other = "after" if link == "before" else "before"
                yield [(0, end, f"{two} {other} {one}")], kind, 1, "before_after_converse"
                yield [(0, end, f"{two} {link} {one}")], kind, 0, "clauses_swapped"
                yield [(0, end, f"{link} {one}, {two}")], kind, 0, "clauses_swapped"
            elif link in ("because", "although", "though", "if"):
                yield [(0, end, f"{two} {link} {one}")], kind, 0, "clauses_swapped"
            break
    yield from _fronted(s, end)


def _has_verb(s: Sentence, start: int, end: int) -> bool:
    tags = s.tags[start:end]
    subject = any(tag in NOUNS or tag == "PRP" for tag in tags)
    return subject and any(tag in ("VBD", "VBZ", "BE", "MD", "DO", "HV") for tag in tags)


def _fronted(s: Sentence, end: int) -> Iterator[Proposal]:
    """The last ``in 1990``/``at the park`` goes first, or a first one goes last."""
    phrases = s.noun_phrases
    last = phrases[-1] if phrases else None
    dated = last is not None and (s.lower[last.head] in [m.lower() for m in MONTHS])
    if end >= 4 and s.tags[end - 1] == "CD" and s.lower[end - 2] == "in" and len(s.lower[end - 1]) == 4:
        if "," not in s.words and _has_verb(s, 0, end - 2):
            yield [(0, end, f"in {s.words[end - 1]}, {s.slice(0, end - 2)}")], "temporal", 1, "phrase_first"
    elif last is not None and last.end == end and last.start > 4 and not dated:
        i = last.start - 1
        if s.lower[i] in ("in", "at", "during") and s.tags[i - 1] not in ("BE", "CC") and "," not in s.words:
            short = end <= 16 and s.tags[0] in ("DT", "NNP", "PRP", "CD", "NNS") and "that" not in s.lower
            if (
                short
                and s.lower[i - 1] not in ("interested", "man", "woman", "boy", "girl")
                and _has_verb(s, 0, i)
            ):
                yield (
                    [(0, end, f"{s.lower[i]} {s.slice(last.start, end)}, {s.slice(0, i)}")],
                    "spatial",
                    1,
                    "phrase_first",
                )
    if s.lower[0] in ("in", "during", "at", "on") and phrases and phrases[0].start == 1:
        c = phrases[0].end
        if (
            c < end
            and s.words[c] == ","
            and s.words[c + 1 : end].count(",") == 0
            and _has_verb(s, c + 1, end)
        ):
            if end - c <= 18:
                yield (
                    [(0, end, f"{s.slice(c + 1, end)} {s.lower[0]} {s.slice(1, c)}")],
                    "temporal",
                    1,
                    "phrase_last",
                )
    elif s.lower[0] == "in" and len(s) > 4 and s.tags[1] == "CD" and s.words[2] == "," and end <= 20:
        if s.words[3:end].count(",") == 0 and _has_verb(s, 3, end):
            yield [(0, end, f"{s.slice(3, end)} in {s.words[1]}")], "temporal", 1, "phrase_last"
