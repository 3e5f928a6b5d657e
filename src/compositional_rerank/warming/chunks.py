"""Many passages a little at a time, and what becomes of one chunk: what an interruption can lose is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.runs import runs
from compositional_rerank.errors import CompositionalRerankError, EncodingError

Encode = Callable[[list[str]], list[EncodedText]]

_PASSAGES, _CHARACTERS = 512, 500_000  # at most so many between two writes
_TRIES = 2  # of a chunk as a whole, before its passages are tried one by one


@dataclass(frozen=True)
class Chunk:
    """Passages that were encoded together.

    Args:
        entries: by passage.
        failed: why, by each passage that could not be encoded.
    """

    entries: dict[str, EncodedText]
    failed: dict[str, str] = field(default_factory=dict)


def chunks(passages: Iterable[str]) -> Iterator[list[str]]:
    """Passages in order, in lists of at most 512 texts and about 500,000 characters."""
    return runs(passages, _PASSAGES, _CHARACTERS)


def encoded(encode: Encode, texts: list[str]) -> Chunk:
    """Encode a chunk; one that fails is tried again, then passage by passage.

    Raises:
        EncodingError: several passages, and each of them failed: the fault is the machine's or the model's.
    """
    for _ in range(_TRIES):
        try:
            return Chunk(dict(zip(texts, encode(texts), strict=True)))
        except CompositionalRerankError:  # says what is wrong, and would say it again
            raise
        except Exception as error:  # whatever a device or a library may raise
            reason = _reason(error)
    chunk = Chunk({})
    for text in texts:
        try:
            chunk.entries[text] = encode([text])[0]
        except CompositionalRerankError:
            raise
        except Exception as error:
            chunk.failed[text] = reason = _reason(error)
    if len(texts) > 1 and not chunk.entries:
        raise EncodingError(
            f"none of {len(texts)} passages could be encoded, {_TRIES} times together and once each "
            f"({reason}): mend the model or the device; the same command goes on where it was"
        )
    return chunk


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
