"""Tokens -> words: the pieces that a tokenizer cut a word into, put together again."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_APOSTROPHES = "'’"
_IN_NUMBERS = ".,:"


@dataclass(frozen=True)
class Word:
    """A word of a text, or a punctuation mark.

    Args:
        text: the word as written.
        start: its first character in the text.
        stop: one past its last character.
        tokens: its tokens, ``first, one past the last``.
    """

    text: str
    start: int
    stop: int
    tokens: tuple[int, int]


def merge_pieces(text: str, offsets: Sequence[tuple[int, int]]) -> list[Word]:
    """Merge the tokens of each word; tokens of white space belong to none.

    Contractions and numbers stay whole (``don't``, ``1,000.5``); scripts written without spaces keep the
    tokenizer's own cuts.

    Args:
        text: what was tokenized.
        offsets: ``(start, stop)`` characters of every token, in order.

    Returns:
        The words in order.

    Example:
        >>> offsets = [(0, 3), (3, 4), (4, 5), (6, 8), (8, 11), (11, 12)]
        >>> [word.text for word in merge_pieces("don't panic.", offsets)]
        ["don't", 'panic', '.']
    """
    words: list[Word] = []
    for token, (start, stop) in enumerate(offsets):
        piece = text[start:stop]
        start += len(piece) - len(piece.lstrip())  # some tokenizers count the space before a word to the word
        stop = start + len(piece.strip())
        if start >= stop:
            continue
        while stop < len(text) and unicodedata.category(text[stop])[0] == "M":
            stop += 1  # some tokenizers drop accents that follow their letter
        last = words[-1] if words else None
        if (
            last
            and last.tokens[1] == token
            and (start < last.stop or (start == last.stop and _joins(text, start)))
        ):
            start, stop = last.start, max(stop, last.stop)
            words[-1] = Word(text[start:stop], start, stop, (last.tokens[0], token + 1))
        else:
            words.append(Word(text[start:stop], start, stop, (token, token + 1)))
    return words


def _joins(text: str, at: int) -> bool:
    """Whether the characters on both sides of a place belong to one word."""
    left, right = text[at - 1], text[at]
    if _in_word(left) and _in_word(right):
        return True
    before, after = (at - 2, at) if not _in_word(left) else (at - 1, at + 1)
    if before < 0 or after >= len(text):
        return False
    mark = right if _in_word(left) else left
    if mark in _APOSTROPHES:
        return _in_word(text[before]) and _in_word(text[after])
    return mark in _IN_NUMBERS and text[before].isdigit() and text[after].isdigit()


def _in_word(char: str) -> bool:
    return char == "_" or (unicodedata.category(char)[0] in "LMN" and not _is_spaceless(char))


def _is_spaceless(char: str) -> bool:
    """Whether a character is of a script that puts no space between words: Thai, Lao, kana, Han."""
    return "\u0e00" <= char <= "\u0eff" or "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff"
