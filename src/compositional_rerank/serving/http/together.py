"""Requests that come together are read in one batch: what their threads ask of a network is joined."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from threading import Event, Lock
from typing import Any, Generic, TypeVar, cast

import torch
from tokenizers import Tokenizer

from compositional_rerank.concurrency.deadline import ended_by, step
from compositional_rerank.encoding.base import Encoder, Task
from compositional_rerank.encoding.embedder import StructuralEmbedder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.runs import runs
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.scoring.calibration import Reading
from compositional_rerank.serving.http import metrics
from compositional_rerank.verification.base import Verifier

_TEXTS, _CHARACTERS = 32, 20_000  # of one run of the encoder; a longer text is one by itself
_PAIRS = 128  # of one run of the verifier
_LONGEST = 512  # tokens that count where a model names no limit

_Item = TypeVar("_Item")


class Job:
    """A request's work: whether it is still wanted, and how many tokens it had encoded."""

    def __init__(self) -> None:
        self.tokens = 0
        self.unwanted = Event()

    def stop(self) -> None:
        """Make the work end at its next step."""
        self.unwanted.set()


_current: ContextVar[Job | None] = ContextVar("_current", default=None)


@contextmanager
def working_on(job: Job) -> Iterator[None]:
    """What this thread asks of the networks meanwhile belongs to the job."""
    token = _current.set(job)
    try:
        with ended_by(job.unwanted):
            yield
    finally:
        _current.reset(token)


class _Share(Generic[_Item]):
    """What one thread asks."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self.items = items
        self.outcome: Any = None
        self.error: BaseException | None = None
        self.done = False


class Together(Generic[_Item]):
    """A function of a list, called by many threads and run by one at a time.

    Whoever comes while a call runs waits, and the next call is made for all that wait: there is no delay when
    the service is idle, and the batches grow with the load.

    Args:
        network: its name in the metrics.
        call: from a list to a list or tensor with one entry for each item, in order.
        most: items of a call; a thread's own items always stay together.
    """

    def __init__(self, network: str, call: Callable[[list[_Item]], Any], most: int) -> None:
        self._call, self._most = call, most
        self._batches = metrics.BATCH.labels(network)
        self._waiting: deque[_Share[_Item]] = deque()
        self._running = Lock()

    def __call__(self, items: Sequence[_Item]) -> Any:
        """The entries of these items; an error of the call is raised in all threads that took part in it."""
        step()
        share = _Share(items)
        self._waiting.append(share)
        with self._running:
            while not share.done:
                self._run()
        if share.error is not None:
            raise share.error
        return share.outcome

    def _run(self) -> None:
        shares = [self._waiting.popleft()]
        count = len(shares[0].items)
        while self._waiting and count + len(self._waiting[0].items) <= self._most:
            count += len(self._waiting[0].items)
            shares.append(self._waiting.popleft())
        self._batches.observe(len(shares))
        try:
            with ended_by():  # the end of one thread's work is not that of the others'
                outcomes = self._call([item for share in shares for item in share.items])
            start = 0
            for share in shares:
                share.outcome = outcomes[start : start + len(share.items)]
                start += len(share.items)
        except Exception as error:
            for share in shares:
                share.error = error
        for share in shares:
            share.done = True


class _Encoder:
    """An `Encoder` that joins what threads encode, a few texts at a time: nobody waits for long."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._runs = {
            task: Together[str](f"encoder, {task}", partial(_once, encoder, task), _TEXTS)
            for task in ("query", "document")
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, texts: Sequence[str], *, task: Task, show_progress: bool = False) -> list[EncodedText]:
        found: dict[str, EncodedText] = {}
        for run in runs(sorted(set(texts), key=len, reverse=True), _TEXTS, _CHARACTERS):
            found.update(zip(run, self._runs[task](run), strict=True))
        if (job := _current.get()) is not None:
            job.tokens += sum(len(entry.vectors) for entry in found.values())
        return [found[text] for text in texts]


def _once(encoder: Encoder, task: Task, texts: list[str]) -> list[EncodedText]:
    unique = list(dict.fromkeys(texts))
    found = dict(zip(unique, encoder.encode(unique, task=task), strict=True))
    return [found[text] for text in texts]


class _Verifier:
    """A `Verifier` that joins the pairs of threads."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._run = Together[tuple[tuple[str, str], Reading]](
            "verifier",
            lambda rows: verifier.probabilities([pair for pair, _ in rows], [kind for _, kind in rows]),
            _PAIRS,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._verifier, name)

    def probabilities(self, pairs: Sequence[tuple[str, str]], readings: Sequence[Reading]) -> torch.Tensor:
        rows = list(zip(pairs, readings, strict=True))
        found = [self._run(rows[start : start + _PAIRS]) for start in range(0, len(rows), _PAIRS)]
        return torch.cat(found) if found else self._verifier.probabilities([], [])


def joined(reranker: CompositionalReranker) -> CompositionalReranker:
    """A reranker with the same parts, whose threads' texts and pairs are read together."""
    verifier = None if reranker.verifier is None else cast(Verifier, _Verifier(reranker.verifier))
    return CompositionalReranker.from_parts(
        cast(Encoder, _Encoder(reranker.encoder)),
        name=reranker.name,
        store=reranker.store,
        config=reranker.config,
        verifier=verifier,
    )


class JoinedEmbedder:
    """A `StructuralEmbedder` that joins the texts of threads."""

    def __init__(self, embedder: StructuralEmbedder) -> None:
        self.name, self.dimension = embedder.name, embedder.dimension
        # a private copy: the model's own one is changed by whoever encodes
        self._tokenizer = Tokenizer.from_str(embedder.model.tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(embedder.model.max_seq_length or _LONGEST)
        self._runs = {
            "query": Together[str]("embedder, query", embedder.encode_query, _TEXTS),
            "document": Together[str]("embedder, document", embedder.encode_document, _TEXTS),
        }

    def encode(self, texts: Sequence[str], task: str) -> list[Any]:
        """One float32 vector ``[dimension]`` for each text."""
        if (job := _current.get()) is not None:
            job.tokens += sum(len(one.ids) for one in self._tokenizer.encode_batch(list(texts)))
        return [vector for run in runs(texts, _TEXTS, _CHARACTERS) for vector in self._runs[task](run)]
