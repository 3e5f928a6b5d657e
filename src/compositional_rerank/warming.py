"""Encoding many passages into a reranker's store, a little at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compositional_rerank.reranker import CompositionalReranker

_PASSAGES, _CHARACTERS = 512, 500_000  # at most so many between two writes: what an interruption can lose


def warm(
    reranker: CompositionalReranker,
    passages: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Encode the passages that the store lacks and keep them, so that queries find them there.

    Args:
        reranker: whose model and store to use.
        passages: exactly the texts that will be reranked; equal ones are encoded once.
        progress: called after each write with the number of passages and of their tokens.

    Raises:
        StoreError: the store could not keep them; what it kept before stays.

    Example:
        >>> from compositional_rerank import CompositionalReranker
        >>> reranker = CompositionalReranker.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        >>> warm(reranker, ["Goethe wrote Faust.", "Paris is in France.", "Goethe wrote Faust."])
        >>> len(reranker.store)
        2
    """
    for chunk in _chunks(dict.fromkeys(passages)):
        entries = reranker.encode_passages(chunk)
        if progress is not None:
            progress(len(chunk), sum(len(entry.vectors) for entry in entries))


def _chunks(texts: dict[str, None]) -> Iterator[list[str]]:
    chunk: list[str] = []
    characters = 0
    for text in texts:
        if chunk and (len(chunk) == _PASSAGES or characters + len(text) > _CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += len(text)
    if chunk:
        yield chunk
