"""Many passages a little at a time: what an interruption of their encoding can lose is one chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from compositional_rerank.encoding.encoded_text import EncodedText

_PASSAGES, _CHARACTERS = 512, 500_000  # at most so many between two writes


def warm(
    encode: Callable[[list[str]], list[EncodedText]],
    passages: Sequence[str],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Encode passages by chunks; ``progress`` gets each one's number of passages and of their tokens."""
    for chunk in chunks(passages):
        entries = encode(chunk)
        if progress is not None:
            progress(len(chunk), sum(len(entry.vectors) for entry in entries))


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
