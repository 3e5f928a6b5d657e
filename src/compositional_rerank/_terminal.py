"""Texts of others on a terminal: on one line, in a known number of columns, and harmless."""

from __future__ import annotations

import unicodedata

_UNSHOWN = {"Cc", "Cs", "Cf", "Co"}  # control, surrogates, direction marks and the like, private use


def shown(text: str) -> str:
    """A text on one line, without what a terminal would obey: control characters become blanks or U+FFFD."""
    return " ".join(
        "".join("\ufffd" if unicodedata.category(char) in _UNSHOWN else char for char in text).split()
    )


def columns(text: str) -> int:
    """How many columns a text takes in a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """A text cut, with an ellipsis, or filled up with blanks, to exactly ``width`` columns."""
    if columns(text) > width:
        kept, used = [], 0
        for char in text:
            used += columns(char)
            if used > width - 1:
                break
            kept.append(char)
        text = "".join(kept) + "…"
    blanks = " " * (width - columns(text))
    return blanks + text if right else text + blanks
