"""A checked answer for people: the answer with marks behind its sentences, or a report."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from compositional_rerank._terminal import shown
from compositional_rerank.results import CheckedAnswer, CheckedPassage, CheckedSentence

_NO_SOURCE = "no source"
_LABEL = 13  # columns before a sentence


def annotated(checked: CheckedAnswer) -> str:
    """The answer with a mark behind each sentence that was checked.

    Passages are numbered from 1, in the order in which they came in. What the answer holds already, marks of
    its own included, stays.

    Args:
        checked: from `CompositionalReranker.check`.

    Returns:
        The answer with marks such as ``[1, 3]``, ``[denied by 2]``, ``[differs from 2]``,
        ``[1, but denied by 2]`` and ``[no source]``.

    Example:
        >>> from compositional_rerank import CompositionalReranker
        >>> passages = ["Dogs are not allowed in the office.", "The office is closed on Sundays."]
        >>> answer = "The office is closed on Sundays. Dogs are allowed in the office."
        >>> print(annotated(CompositionalReranker().check(answer, passages)))
        The office is closed on Sundays. [2] Dogs are allowed in the office. [denied by 1]
    """
    pieces, at = [], 0
    for sentence in checked:
        if mark := _mark(sentence):
            pieces += [checked.answer[at : sentence.span[1]], f" [{mark}]"]
            at = sentence.span[1]
    return "".join([*pieces, checked.answer[at:]])


def to_text(checked: CheckedAnswer, width: int = 100, names: Sequence[str] | None = None) -> str:
    """A report: each sentence with its verdict, and the words of the passages that decided.

    Args:
        checked: from `CompositionalReranker.check`.
        width: columns of a line, at least 40.
        names: what to call the passages, one for each that came in; None numbers them from 1.

    Returns:
        Lines, each with its end. The best passage for a verdict is quoted; for a conflict one of each side.
    """
    width = max(width, 40)
    lines = [*_wrapped("", _summary(checked), width), ""]
    for sentence in checked:
        lines += _wrapped(f"{_word(sentence):{_LABEL}}", shown(sentence.text), width)
        for passage, more in _best(sentence):
            name = shown(names[passage.index]) if names else str(passage.index + 1)
            likely = passage.support if passage.verdict == "supports" else passage.mismatch
            also = f" (and {more} more)" if more else ""
            text = f"{passage.verdict} {likely:.2f}, passage {name}{also}: “{shown(passage.quote)}”"
            lines += _wrapped(" " * (_LABEL + 2), text, width)
    return "\n".join(lines) + "\n"


def _mark(sentence: CheckedSentence) -> str:
    numbers = {
        name: ", ".join(str(one.index + 1) for one in sentence.passages if one.verdict == name)
        for name in ("supports", "denies", "differs")
    }
    if sentence.verdict == "supports":
        return numbers["supports"]
    if sentence.verdict == "conflicting":
        return f"{numbers['supports']}, but denied by {numbers['denies']}"
    if sentence.verdict == "denies":
        return f"denied by {numbers['denies']}"
    if sentence.verdict == "differs":
        return f"differs from {numbers['differs']}"
    return _NO_SOURCE if sentence.checked else ""


def _summary(checked: CheckedAnswer) -> str:
    of = sum(one.checked for one in checked)
    if not of:
        return "Nothing to check: no sentence of the answer is a statement."
    counts = {
        "supported": checked.supported,
        "flagged": checked.flagged,
        "without source": checked.unsupported,
    }
    return f"{of} checked: " + ", ".join(f"{len(some)} {name}" for name, some in counts.items())


def _word(sentence: CheckedSentence) -> str:
    if not sentence.checked:
        return "-"
    return sentence.verdict or _NO_SOURCE


def _best(sentence: CheckedSentence) -> list[tuple[CheckedPassage, int]]:
    """The best passage for the verdict, for a conflict of both sides, and how many more say the same."""
    names = ("supports", "denies") if sentence.verdict == "conflicting" else (sentence.verdict,)
    groups = [[one for one in sentence.passages if one.verdict == name] for name in names]
    return [(group[0], len(group) - 1) for group in groups if group]


def _wrapped(label: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    ) or [label.rstrip()]
