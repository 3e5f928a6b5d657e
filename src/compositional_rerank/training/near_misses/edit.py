"""What a rule makes: an edit of a sentence, and the spans that undo it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

EDIT_TYPES: tuple[str, ...] = ("negation", "role", "binding", "spatial", "temporal", "numeric", "quantifier")
"""The seven edit types of the audit; the corpus rules also make ``object`` (contents changed)."""

_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Span:
    """A replaced stretch: ``source[start:end] == old`` became ``new``."""

    start: int
    end: int
    old: str
    new: str


@dataclass(frozen=True)
class Edit:
    """One labelled edit of one sentence.

    Attributes:
        source: the sentence before.
        text: the sentence after.
        edit_type: one of `EDIT_TYPES` or ``object``; for a rewrite, the near-miss type it is the sibling of.
        same: 1 when the meaning is kept, 0 when it is changed.
        rule: name of the rule, or names joined by ``+`` for a composition.
        spans: the replaced stretches of `source`, left to right.

    Example:
        >>> edit = Edit.between("Rome is closer.", "Rome is not closer.", "negation", 0, "add_not")
        >>> edit.spans
        (Span(start=8, end=8, old='', new='not '),)
        >>> edit.revert()
        'Rome is closer.'
    """

    source: str
    text: str
    edit_type: str
    same: int
    rule: str
    spans: tuple[Span, ...]

    @classmethod
    def between(cls, source: str, text: str, edit_type: str, same: int, rule: str) -> Edit:
        """Make an edit from the sentence before and after; the spans are the differing stretches."""
        return cls(source, text, edit_type, same, rule, differing_spans(source, text))

    def revert(self) -> str:
        """Undo the edit: rebuild the source from `text` and `spans` alone."""
        out: list[str] = []
        position = 0
        shift = 0
        for span in self.spans:
            start = span.start + shift
            out.append(self.text[position:start])
            out.append(span.old)
            position = start + len(span.new)
            shift += len(span.new) - len(span.old)
        out.append(self.text[position:])
        return "".join(out)


def differing_spans(source: str, text: str) -> tuple[Span, ...]:
    """Find the stretches of `source` that were replaced to get `text`, in whole words."""
    if source == text:
        return ()
    a, b = _PIECE.findall(source), _PIECE.findall(text)
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    offsets = [0]
    for piece in a:
        offsets.append(offsets[-1] + len(piece))
    if len(middle_a) * len(middle_b) > 400 or not middle_a or not middle_b:
        blocks = [(0, len(middle_a), 0, len(middle_b))]
    else:
        matcher = SequenceMatcher(None, middle_a, middle_b, autojunk=False)
        blocks = [(i, j, k, m) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"]
    return tuple(
        Span(offsets[head + i], offsets[head + j], "".join(middle_a[i:j]), "".join(middle_b[k:m]))
        for i, j, k, m in blocks
    )
