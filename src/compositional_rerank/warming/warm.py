"""warm: encode what a store lacks, and say what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compositional_rerank._validation import ENGINES, check_count, check_texts
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import EncodingError, InputError, StoreError
from compositional_rerank.store import quantise, token_key
from compositional_rerank.warming.chunks import Chunk, chunks, encoded

if TYPE_CHECKING:
    from compositional_rerank.checkpoints.loaded_reranker import LoadedReranker


@dataclass
class Warmed:
    """What warming a store came to.

    Args:
        new: passages that were encoded and that the store now gives back.
        known: passages that the store had.
        tokens: of the new passages.
        seconds: from the first chunk to the last.
        unkept: passages that the store did not keep: too long for it, or it was full. They are encoded at
            every query.
        failed: why, by each passage that could not be encoded.
    """

    new: int = 0
    known: int = 0
    tokens: int = 0
    seconds: float = 0.0
    unkept: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def raise_failed(self) -> None:
        """Raise `EncodingError` if a passage could not be encoded."""
        for text, reason in self.failed.items():
            raise EncodingError(
                f"{len(self.failed)} passages could not be encoded and are not kept, the first is "
                f"{text!r:.80} ({reason}): leave them out, or mend the model or the device"
            )


def warm(
    reranker: LoadedReranker,
    passages: Sequence[str],
    *,
    engine: str = "local",
    actors: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Warmed:
    """Encode the passages that the reranker's store lacks, and keep them there.

    Whatever encodes, this process alone writes: each passage is put once, and what ``progress`` was called
    for is in the store. Stopped at any moment, the same call goes on where it was.

    Args:
        reranker: its encoder decides what is encoded, its store keeps it.
        passages: exactly the texts that will be reranked; equal ones are encoded once.
        engine: ``"local"``, this process; or ``"ray"``, a Ray cluster: the one at ``RAY_ADDRESS`` or on this
            machine, or a new one of this machine alone.
        actors: processes of the cluster, at least 1, each with the model; None is one for each of its GPUs,
            or of its cores where it has none. With Ray only.
        progress: called after each step with its number of passages, those that the store had included,
            and with the tokens of the new ones.

    Returns:
        What came of it, the passages that could not be encoded included.

    Raises:
        InputError: an argument cannot be used.
        EncodingError: nothing can be encoded, or the cluster is lost.
        StoreError: the store could not keep them; what it kept before stays.
        MissingDependencyError: Ray is not installed.

    Example:
        >>> from compositional_rerank import CompositionalReranker
        >>> reranker = CompositionalReranker()
        >>> done = warm(reranker, ["Goethe wrote Faust.", "Paris is in France.", "Goethe wrote Faust."])
        >>> done.new, done.known, done.failed
        (2, 0, {})
    """
    texts = check_texts(passages, "passages")
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r:.40} is unknown; the engines are: {', '.join(ENGINES)}")
    if check_count(actors, "actors") is not None and engine != "ray":
        raise InputError(f"actors is {actors}, and the engine {engine} has none: use the engine ray")
    work = _Work(reranker, texts, progress or _nothing)
    missing = chunks(work.missing())
    if engine == "ray":
        from compositional_rerank.warming.ray_data import encoded_by_ray  # optional, and slow to load

        for chunk in encoded_by_ray(reranker, missing, actors):
            work.keep(chunk)
    else:
        for texts in missing:
            work.keep(encoded(lambda some: reranker.encoder.encode(some, task="document"), texts))
    return work.done


class _Work:
    """What has been done of the passages, and what is left."""

    def __init__(
        self, reranker: LoadedReranker, texts: list[str], progress: Callable[[int, int], None]
    ) -> None:
        self.done = Warmed()
        self._texts = list(dict.fromkeys(texts))
        self._progress = progress
        self._store, self._fingerprint = reranker.store, reranker.encoder.fingerprint
        self._start = time.monotonic()

    def _entries(self, texts: Sequence[str]) -> list[EncodedText | None]:
        return self._store.get([token_key(self._fingerprint, text, self._store.dtype) for text in texts])

    def missing(self) -> Iterator[str]:
        """Passages that the store lacks, a damaged one included; it is looked into as late as can be."""
        for texts in chunks(self._texts):
            entries = self._entries(texts)
            if known := len(texts) - entries.count(None):
                self.done.known += known
                self._progress(known, 0)
            if known < len(texts) and getattr(self._store, "read_only", False):
                raise StoreError(
                    "the store is read only, and would keep nothing: warm it where it can be written to"
                )
            yield from (text for text, entry in zip(texts, entries, strict=True) if entry is None)

    def keep(self, chunk: Chunk) -> None:
        """Bring a chunk into the store, and look whether it is there."""
        store, done = self._store, self.done
        store.put(
            {
                token_key(self._fingerprint, text, store.dtype): quantise(entry, store.dtype)
                for text, entry in chunk.entries.items()
            }
        )
        unkept = self._entries(list(chunk.entries)).count(None)
        tokens = sum(len(entry.vectors) for entry in chunk.entries.values())
        done.new += len(chunk.entries) - unkept
        done.unkept += unkept
        done.tokens += tokens
        done.failed.update(chunk.failed)
        done.seconds = time.monotonic() - self._start
        self._progress(len(chunk.entries) + len(chunk.failed), tokens)


def _nothing(passages: int, tokens: int) -> None:
    """Tell nobody."""
