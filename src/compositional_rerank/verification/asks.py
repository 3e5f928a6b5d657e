"""From a query to what is asked: its questions with their context, or its statements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compositional_rerank.verification.forms import Form, form_of, has_content
from compositional_rerank.verification.readable import readable

_LONGEST = 400  # characters of a question with its context
_POINTS_BACK = re.compile(
    r"(?i)(?:and |but |so )?(?:it|its|they|their|he|his|she|her|this|that|these|those)\b"
)


@dataclass(frozen=True)
class Ask:
    """One thing that a query asks or says.

    Args:
        text: what the verifier reads as the query.
        form: ``"statement"``, ``"yes_no"`` or ``"question"``.
        sentences: indices of the query's sentences in it.
    """

    text: str
    form: Form
    sentences: tuple[int, ...]


def points_back(sentence: str) -> bool:
    """Whether a sentence begins with a pronoun, and so needs the one before it.

    Example:
        >>> points_back("It is safe."), points_back("The drug is safe.")
        (True, False)
    """
    return _POINTS_BACK.match(sentence) is not None


def asks_of(query: str, spans: Sequence[tuple[int, int]]) -> list[Ask]:
    """What a query asks.

    Where there is a question, the questions decide, each read with the sentences around it that ask nothing:
    no such sentence can deny anything. Without a question every statement counts. Keywords ask nothing.

    Args:
        query: the query.
        spans: character spans of its sentences, in order.

    Returns:
        Nothing for keywords, for stop words alone, and for a language or script that is not read.

    Example:
        >>> query = "My basic plan has no phone support. Does the premium plan?"
        >>> [(ask.form, ask.sentences) for ask in asks_of(query, [(0, 35), (36, 58)])]
        [('yes_no', (0, 1))]
    """
    if not readable(query) or not has_content(query):
        return []
    sentences = [query[start:stop] for start, stop in spans]
    forms = [form_of(sentence) for sentence in sentences]
    asked = [place for place, form in enumerate(forms) if form in ("yes_no", "question")]
    found = []
    for number, place in enumerate(asked):
        first = asked[number - 1] + 1 if number else 0
        last = len(forms) - 1 if place == asked[-1] else place
        if spans[last][1] - spans[first][0] > _LONGEST:
            first = last = place
        text = query[spans[first][0] : spans[last][1]]
        if len(asked) > 1 and not has_content(text):
            continue  # such as "Why?" behind another question
        found.append(Ask(text, forms[place], tuple(range(first, last + 1))))
    if found:
        return found
    for place, (sentence, form) in enumerate(zip(sentences, forms, strict=True)):
        if form == "statement":
            start = place - 1 if place and points_back(sentence) else place
            if spans[place][1] - spans[start][0] > _LONGEST:
                start = place
            found.append(Ask(query[spans[start][0] : spans[place][1]], form, (place,)))
    return found
