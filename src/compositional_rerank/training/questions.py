"""Questions that ask for what a sentence says, made by rule."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from compositional_rerank.verification.forms import content_words as stems

_AUXILIARY = re.compile(r" (is|are|was|were|can|could|will|would|has|have|had|should|must|may) ")
_NO_SUBJECT = re.compile(  # a clause, a list, a denial, or something before the subject
    r"(?i)^(?:in|on|at|after|before|during|for|from|with|by|to|of|about|under|over|since|until)\b|"
    r"\b(?:who|that|which|if|when|because|while|and|but|where|what|how|as|though|since|unless|not|never|no|"
    r"nobody|nothing|none)\b|n't|[,;:?\"]"
)
_DENIAL = re.compile(r"(?i)\b(?:not|never|no)\b|n't|[;?]")
_OBJECT = re.compile(r"(?i)(?:a|an|the|no|some|any|many|more|most|two|three|his|her|its|their)\b")
_LONGEST_SUBJECT = 8  # words
_ONE = {"are": "is", "were": "was", "have": "has"}
_PEOPLE = frozenset(
    "he she man men woman women boy boys girl girls people person child children kid kids guy guys lady "
    "ladies couple crowd player players worker workers student students teacher doctor mother father "
    "friend friends singer artist lawyer judge manager president senator author banker athlete tourist "
    "actor scientist secretary professor officer driver soldier king queen baby toddler adult adults "
    "team family".split()
)
_PLACES = frozenset(
    "park street beach city town house home store shop pool field kitchen room road sidewalk water "
    "restaurant market building school garden mountain mountains snow ocean river stage office station "
    "yard lake church bar hotel forest woods grass bench floor airport museum hospital library stadium "
    "village country".split()
)
_VAGUE = frozenset("it this that these those there we you they one".split())  # never asked for
_TAIL = re.compile(
    r" (?:in|on|at|with|of|near|beside|from|by|behind|under|to|for|wearing|holding|\w{5,}ing)\b"
)
_DETERMINER = r"(?:a|an|the|his|her|their|its|some)"
_VERB = r"(?:\w+ing|\w+ed|been \w+|be \w+|made|built|found|won|sold|bought|seen|taken|given|written|born)"
_YEAR = re.compile(r"^(?P<kept>.+?),? in (?P<gone>1[5-9]\d\d|20\d\d)$")
_PLACE = re.compile(
    rf"^(?P<kept>.+?) (?P<by>in|on|at|near|inside|outside|under|behind|along|through|across|with|to|from|by|"
    rf"for) (?P<gone>{_DETERMINER} (?:\w+ )?\w+)$"
)
_THING = re.compile(rf"^(?P<kept>{_VERB}) (?P<gone>{_DETERMINER} (?:[\w-]+ ){{0,2}}[\w-]+)$")
_PLAIN = re.compile(  # somebody does something, without an auxiliary
    r"^(?:the|a|an|some|two|three) (?P<subject>(?:\w+ )?(?P<head>\w+)) "
    r"(?P<rest>(?:\w+ed|\w+[^s\W]s|saw|met|told|left|won|bought|sold|found|knew|made|wrote|ran|sat) .+)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"^(?P<kept>{_VERB}) (?P<gone>\d[\d.,]*|two|three|four|five|six|seven|ten) (?P<of>\w+s)$"
)


class _Parts(NamedTuple):
    subject: str
    auxiliary: str
    rest: str


def yes_no_question(claim: str, evidence: str) -> str | None:
    """The question whether a claim is true: its first auxiliary before its subject.

    Args:
        claim: a sentence.
        evidence: a text about the same; its first word's capital is kept where this has it within a sentence.

    Returns:
        None where the claim has no auxiliary behind a short subject, or denies something: then neither "yes"
        nor "no" is a clear answer.

    Example:
        >>> yes_no_question("The old barn was burnt down.", "A barn burnt down.")
        'Was the old barn burnt down?'
    """
    parts = _parts(claim, evidence)
    return f"{parts.auxiliary.capitalize()} {parts.subject} {parts.rest}?" if parts else None


def open_question(claim: str, evidence: str, rng: random.Random) -> str | None:
    """A question that the claim would answer with words that the evidence has, too.

    So the evidence answers it where it supports the claim. Where it denies the claim, it says something else
    of what is asked: the words that were taken out are not what it denies.

    Args:
        claim: a sentence.
        evidence: a text about the same.
        rng: which of several questions.

    Returns:
        None where no rule fits.

    Example:
        >>> open_question("The old barn was burnt down.", "An old barn stood here.", random.Random(1))
        'What was burnt down?'
        >>> open_question("The girl feeds the horses.", "A girl is near horses.", random.Random(1))
        'Who feeds the horses?'
    """
    parts = _parts(claim, evidence)
    if parts is None:
        return _of_plain(claim, evidence)
    found = [question for question in (_of_subject(parts, evidence), _of_rest(parts, evidence)) if question]
    return rng.choice(found) if found else None


def has_words_of(question: str, evidence: str) -> bool:
    """Whether a text has every content word of a question, in any form.

    Example:
        >>> has_words_of("Who met the doctor?", "The doctor met him."), has_words_of("Who left?", "He sat.")
        (True, False)
    """
    return stems(question) <= stems(evidence)


def _parts(claim: str, evidence: str) -> _Parts | None:
    """A claim around its auxiliary, its first word in small letters where it is no name."""
    text = claim.strip().rstrip(". ")
    found = _AUXILIARY.search(text)
    if found is None or text.endswith(("?", "!")):
        return None
    subject, rest = text[: found.start()].split(), text[found.end() :]
    if not 1 <= len(subject) <= _LONGEST_SUBJECT or _NO_SUBJECT.search(" ".join(subject)):
        return None
    if not rest or _DENIAL.search(rest) or (found[1].startswith("ha") and _OBJECT.match(rest)):
        return None
    first = subject[0]
    if not re.search(rf"(?<=[a-z,;] ){re.escape(first)}\b", evidence) and not first[1:].isupper():
        first = first[0].lower() + first[1:]
    return _Parts(" ".join([first, *subject[1:]]), found[1], rest)


def _of_subject(parts: _Parts, evidence: str) -> str | None:
    head = _TAIL.split(parts.subject)[0].split()[-1]
    if head[0].isupper() or head.lower() in _VAGUE or " " not in parts.rest:
        return None
    if not _has_all(evidence, parts.subject):
        return None
    who = "Who" if head.lower() in _PEOPLE else "What"
    return f"{who} {_ONE.get(parts.auxiliary, parts.auxiliary)} {parts.rest}?"


def _of_plain(claim: str, evidence: str) -> str | None:
    text = claim.strip().rstrip(". ")
    found = _PLAIN.match(text)
    if found is None or _AUXILIARY.search(text) or _DENIAL.search(text):
        return None
    head = found["head"].lower()
    if not {head, head.removesuffix("s")} & _PEOPLE or not _has_all(evidence, found["subject"]):
        return None
    return f"Who {found['rest']}?"


def _of_rest(parts: _Parts, evidence: str) -> str | None:
    for pattern in (_YEAR, _NUMBER, _THING, _PLACE):
        found = pattern.match(parts.rest)
        if found is None:
            continue
        gone = found["gone"].split()[-1]
        if not _has_all(evidence, found["gone"]):
            return None
        asked = f"{parts.auxiliary} {parts.subject} {found['kept']}"
        if pattern is _YEAR:
            return f"When {asked}?"
        if pattern is _NUMBER:
            return f"How many {found['of']} {asked}?"
        if pattern is _PLACE and gone in _PLACES and found["by"] not in ("with", "for", "by"):
            return f"Where {asked}?"
        who = "Who" if gone in _PEOPLE else "What"
        return f"{who} {asked} {found['by']}?" if pattern is _PLACE else f"{who} {asked}?"
    return None


def _has_all(text: str, phrase: str) -> bool:
    """Whether a text has every word of a phrase, articles aside."""
    return all(_has(text, word) for word in phrase.split() if not re.fullmatch(_DETERMINER, word.lower()))


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?i)(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None
