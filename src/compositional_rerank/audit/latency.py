"""How long a query takes with each system, where the candidates' token embeddings are stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from compositional_rerank.audit.answers import AnswerSet
from compositional_rerank.audit.formats import NearMissSet, PairSet, TripleSet
from compositional_rerank.audit.nli import NliSet
from compositional_rerank.audit.systems import Systems

TIMED_QUERIES = 50
Seconds = dict[str, list[float]]  # system -> seconds of each timed query


def time_query(
    systems: Systems, query: str, texts: list[str], own: list[tuple[int, int]] | None, seconds: Seconds
) -> None:
    """Time one query with every system.

    `cosine` and `against` are the time to embed the query; the search itself is an index's work.

    Args:
        systems: the loaded models.
        query: the query.
        texts: its candidates, whose token embeddings are stored.
        own: which characters of each candidate may be evidence; None is all of them.
        seconds: where the times go.
    """

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        seconds.setdefault(name, []).append(time.perf_counter() - began)

    against, cross_encoder = systems.against, systems.cross_encoder
    timed("cosine", lambda: systems.embedder.encode_query([query]))
    timed("two_stage", lambda: systems.rerank(query, texts, own_text=own))
    if against is not None:
        timed("against", lambda: against.encode_query([query]))
    if cross_encoder is not None:
        timed("cross_encoder", lambda: cross_encoder.score([(query, text) for text in texts]))


def time_texts(systems: Systems, sets: Sequence[NearMissSet | NliSet], depth: int) -> Seconds:
    """Time queries over the sets' own texts, for audits without a collection.

    The candidates are the texts of the first queries, and no other queries are timed: each has candidates
    that are close to it, as a retriever's are.

    Args:
        systems: the loaded models.
        sets: at least one set.
        depth: how many candidates at most, at least 1.
    """
    queries: dict[str, None] = {}
    texts: dict[str, None] = {}
    for query, own in (group for data in sets for group in _groups(data)):
        if len(texts) >= depth:
            break
        queries[query] = None
        texts.update(dict.fromkeys(own))
    chosen, candidates = list(queries)[:TIMED_QUERIES], list(texts)[:depth]
    systems.rerank(chosen[0], candidates)  # stores the candidates' token embeddings
    seconds: Seconds = {}
    for query in chosen:
        time_query(systems, query, candidates, None, seconds)
    return seconds


def in_milliseconds(names: Sequence[str], seconds: Sequence[Seconds]) -> dict[str, Any]:
    """For each system that was timed `p50`, `p95` and how many `queries`."""
    found = {}
    for name in names:
        values = np.concatenate([part.get(name, []) for part in seconds]) * 1000
        if len(values):
            p50, p95 = np.percentile(values, [50, 95])
            found[name] = {"p50": float(p50), "p95": float(p95), "queries": len(values)}
    return found


def _groups(data: NearMissSet | NliSet) -> Iterator[tuple[str, list[str]]]:
    """Each query of a set with its texts."""
    if isinstance(data, PairSet):
        yield from ((query, [text]) for query, text in zip(data.texts1, data.texts2, strict=True))
    elif isinstance(data, TripleSet):
        rows = zip(data.anchors, data.positives, data.negatives, strict=True)
        yield from ((query, [positive, negative]) for query, positive, negative in rows)
    elif isinstance(data, NliSet):
        yield from ((query, [text]) for query, text in zip(data.hypotheses, data.premises, strict=True))
    elif isinstance(data, AnswerSet):
        texts: list[list[str]] = [[] for _ in data.queries]
        for passage in data.passages:
            texts[passage.owner].append(passage.text)
        yield from zip(data.queries, texts, strict=True)
    else:
        columns = (data.queries1, data.queries2, data.documents1, data.documents2)
        for query1, query2, *documents in zip(*columns, strict=True):
            yield from ((query, documents) for query in (query1, query2))
