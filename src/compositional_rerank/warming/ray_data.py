"""Encoding on a Ray cluster with Ray Data: chunks of texts go out, what a store keeps of them comes back."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.errors import (
    CheckpointError,
    CompositionalRerankError,
    EncodingError,
    MissingDependencyError,
)
from compositional_rerank.store.layout import Batch, Layout
from compositional_rerank.warming.chunks import Chunk, chunks, encoded

if TYPE_CHECKING:
    import pyarrow as pa

    from compositional_rerank.checkpoints.loaded_reranker import LoadedReranker

_RUNS = 3  # in a row that bring nothing, before the cluster is given up


@dataclass(frozen=True)
class _Task:
    """What an actor must know.

    Args:
        model: name or folder of the model; a folder must be there on each machine of the cluster.
        device: torch device; None is the best that the actor is given.
        backend: what computes.
        fingerprint: of the encoder that the driver has, and whose keys the entries get.
        layout: how entries are packed for the way back.
    """

    model: str | None
    device: str | None
    backend: str
    fingerprint: str
    layout: Layout


class _Encoder:
    """One actor: a process with the model. What goes wrong in it comes back as an answer, with its reason."""

    def __init__(self, task: _Task) -> None:
        self._layout = task.layout
        self._broken = ""
        try:
            self._encoder = _load(task)
        except CompositionalRerankError as error:
            self._broken = str(error)

    def __call__(self, texts: pa.Table) -> pa.Table:
        return _answer(self._encode([_text(one) for one in texts["text"].to_pylist()]), self._layout)

    def _encode(self, texts: list[str]) -> Chunk:
        if self._broken:
            return Chunk({}, dict.fromkeys(texts, self._broken))
        try:
            return encoded(lambda some: self._encoder.encode(some, task="document"), texts)
        except CompositionalRerankError as error:
            return Chunk({}, dict.fromkeys(texts, str(error)))


def encoded_by_ray(
    reranker: LoadedReranker, missing: Iterable[list[str]], actors: int | None
) -> Iterator[Chunk]:
    """Chunks as the cluster gets them done, in any order; every passage is in one of them.

    A machine that is lost takes the chunks that it was at with it. They are asked for again when the others
    are done, so that nobody waits for a machine that does not come back.

    Raises:
        EncodingError: there is no cluster, it is lost, or no actor can encode.
        MissingDependencyError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(
            "the engine ray needs the package ray; fix: pip install 'compositional-rerank[ray]'"
        ) from error

    left = {text: None for chunk in missing for text in chunk}
    if not left:
        return
    encoder, settings = reranker.encoder, reranker.settings
    layout = Layout(reranker.store.dtype, encoder.dimension, encoder.pooled_dimension)
    task = _Task(settings["model"], settings["device"], settings["backend"], encoder.fingerprint, layout)
    with _connected(ray):
        fruitless, reason = 0, ""
        while left:
            before = len(left)
            try:
                for table in _tables(ray, task, list(left), actors):
                    if chunk := _chunk(table, layout, left):
                        yield chunk
            except (ray.exceptions.RayError, ray.data.exceptions.SystemException) as error:
                reason = f": {type(error).__name__}: {' '.join(str(error).split()):.300}"
            fruitless = fruitless + 1 if len(left) == before else 0
            if fruitless == _RUNS:
                raise EncodingError(
                    f"the Ray cluster encoded none of {before} passages, {_RUNS} times in a row{reason}; see "
                    "`ray status`; the same command goes on where it was"
                )


def _tables(ray: Any, task: _Task, texts: list[str], actors: int | None) -> Iterator[pa.Table]:
    """One run: the actors' answers for as many of the texts as they get done."""
    import pyarrow as pa

    tables = [
        pa.table({"text": pa.array([_bytes(text) for text in chunk], pa.large_binary())})
        for chunk in chunks(texts)
    ]
    resources = ray.cluster_resources()
    graphics, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    on_graphics = graphics > 0 and task.device != "cpu" and task.backend != "openvino"
    wanted = actors or (graphics if on_graphics else cores) or 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*ray_remote_args", category=Warning)
        dataset = ray.data.from_arrow(tables).map_batches(
            _Encoder,
            fn_constructor_args=(task,),
            batch_size=None,  # a table is a chunk
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(wanted, len(tables))),
            num_cpus=None if on_graphics else 1,
            num_gpus=1 if on_graphics else None,
            max_restarts=0,  # a restart waits for a free place, and with it all that the actor was at
        )
    yield from dataset.iter_batches(batch_size=None, batch_format="pyarrow")


@contextmanager
def _connected(ray: Any) -> Iterator[None]:
    """A cluster, and Ray Data quiet and patient; what this opened, it closes."""
    own = not ray.is_initialized()
    if own:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray tells its makers of it
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except Exception as error:  # Ray raises many, a plain Exception among them
            raise EncodingError(
                f"no Ray cluster: {type(error).__name__}: {' '.join(str(error).split()):.300}; start one "
                "with `ray start --head`, or set RAY_ADDRESS to one that runs"
            ) from error
    log = logging.getLogger("ray.data")
    level = log.level
    context = ray.data.DataContext.get_current()
    was = context.max_errored_blocks, context.enable_progress_bars
    try:
        log.setLevel(logging.ERROR)
        context.max_errored_blocks, context.enable_progress_bars = -1, False
        yield
    finally:
        context.max_errored_blocks, context.enable_progress_bars = was
        log.setLevel(level)
        if own:
            ray.shutdown()


def _load(task: _Task) -> TokenEncoder:
    from compositional_rerank.checkpoints.locate import locate

    found = locate(task.model)
    encoder = TokenEncoder(found.base, task.device, task.backend, found.projection)
    if encoder.fingerprint != task.fingerprint:
        raise CheckpointError(
            f"an actor on {os.uname().nodename} has another encoder ({encoder.fingerprint:.12}) than the "
            f"process that started it ({task.fingerprint:.12}): put the same model, backend and version of "
            "compositional-rerank on each machine"
        )
    return encoder


def _answer(chunk: Chunk, layout: Layout) -> pa.Table:
    """A chunk as a table of a row for each passage."""
    import pyarrow as pa

    entries = [*chunk.entries.values(), *([None] * len(chunk.failed))]
    texts = [*chunk.entries, *chunk.failed]
    columns = {
        "text": pa.array([_bytes(text) for text in texts], pa.large_binary()),
        "tokens": pa.array([None if entry is None else len(entry.vectors) for entry in entries], pa.int64()),
        "packed": pa.array(
            [None if entry is None else layout.pack(entry) for entry in entries], pa.large_binary()
        ),
        "reason": pa.array([chunk.failed.get(text) for text in texts], pa.string()),
        "hopeless": pa.array([len(texts) > 1 and not chunk.entries] * len(texts), pa.bool_()),
    }
    return pa.table(columns)


def _chunk(table: pa.Table, layout: Layout, left: dict[str, None]) -> Chunk | None:
    """What a table holds of the passages that are left, which it takes from them.

    Raises:
        EncodingError: the actor could encode nothing.
    """
    rows = [{**row, "text": _text(row["text"])} for row in table.to_pylist()]
    rows = [row for row in rows if row["text"] in left]
    for row in rows:
        if row["hopeless"]:
            raise EncodingError(row["reason"])
        del left[row["text"]]
    good = [row for row in rows if row["packed"] is not None]
    entries = unpacked(layout, [row["packed"] for row in good], [row["tokens"] for row in good])
    found = dict(zip([row["text"] for row in good], entries, strict=True))
    failed = {row["text"]: row["reason"] for row in rows if row["packed"] is None}
    return Chunk(found, failed) if rows else None


def unpacked(layout: Layout, contents: Sequence[bytes], tokens: Sequence[int]) -> list[EncodedText]:
    """The entries that `Layout.pack` made these bytes of, each with so many tokens."""
    if not contents:
        return []
    batch = Batch(layout, np.array(tokens, np.int64), np.array([len(one) for one in contents], np.int64))
    for view, content in zip(batch.views, contents, strict=True):
        view[:] = content
    return batch.entries()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")
