"""Many passages a little at a time: what an interruption of their encoding can lose is one chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_PASSAGES, _CHARACTERS = 512, 500_000  # at most so many between two writes


def chunks(passages: Sequence[str]) -> Iterator[list[str]]:
    """The distinct passages in order, in lists of at most 512 texts and about 500,000 characters.

    Example:
        >>> list(chunks(["a", "b", "a"]))
        [['a', 'b']]
    """
    chunk: list[str] = []
    characters = 0
    for text in dict.fromkeys(passages):
        if chunk and (len(chunk) == _PASSAGES or characters + len(text) > _CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += len(text)
    if chunk:
        yield chunk
