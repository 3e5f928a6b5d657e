"""What every reader of text needs before it hands the text to a Rust library."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD; the length stays, so offsets hold."""
    return _SURROGATES.sub("\ufffd", text)
