"""How texts and numbers are written into the page."""

from __future__ import annotations

import re
from html import escape

# Everything that HTML forbids in a text, and the marks that could turn the text around them.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def escaped(text: str) -> str:
    """A text for HTML: escaped, and what HTML forbids replaced by U+FFFD."""
    return escape(_UNSHOWN.sub("\ufffd", text), quote=True)


def short(similarity: float) -> str:
    """A similarity in two digits: ``.87``, ``1.0``, ``-.05``."""
    digits = f"{similarity:.2f}".replace("-0.00", "0.00")
    return "1.0" if digits == "1.00" else digits.replace("0.", ".", 1)
