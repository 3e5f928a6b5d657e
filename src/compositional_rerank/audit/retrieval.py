"""Retrieval quality of every system on one collection: a first stage over all documents, then reranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.cache import Embedder, EmbeddingCache
from compositional_rerank.audit.formats import RetrievalSet
from compositional_rerank.audit.intervals import mean_interval
from compositional_rerank.audit.latency import TIMED_QUERIES, Seconds, time_query
from compositional_rerank.audit.metrics import RETRIEVAL_MEASURES, Floats, p_value, ranking_measures
from compositional_rerank.audit.systems import Systems

CUTOFF = 100  # recall@100 needs this many, whatever the depth of reranking


class Hits(NamedTuple):
    """A query's documents, best first: places in the collection and scores, ``[n]`` each."""

    places: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class RetrievalResult:
    """One collection's measures.

    Attributes:
        documents: size of the collection.
        query_ids: the judged queries, m of them.
        values: system -> measure -> one value for each query, [m].
        seconds: system -> seconds from the text of a query to its ranking, for the queries that were timed.
    """

    documents: int
    query_ids: tuple[str, ...]
    values: dict[str, dict[str, Floats]]
    seconds: Seconds = field(default_factory=dict)


def sample_queries(data: RetrievalSet, limit: int | None, seed: int) -> list[int]:
    """Places of the queries to audit: all of them, or a random sample in their order."""
    if limit is None or limit >= len(data.query_ids):
        return list(range(len(data.query_ids)))
    chosen = np.random.default_rng(seed).choice(len(data.query_ids), size=limit, replace=False)
    return sorted(chosen.tolist())


def first_stage(
    cache: EmbeddingCache, embedder: Embedder, data: RetrievalSet, queries: Sequence[int], k: int, label: str
) -> list[Hits]:
    """Best k documents of each query by cosine, a block of documents at a time.

    A query's own document (same id) is left out. Equal cosines keep the order of the corpus.

    Args:
        cache: where embeddings are kept.
        embedder: the model.
        data: the collection.
        queries: places of the queries in `data.queries`, m of them.
        k: how many documents.
        label: what the progress bar says.

    Returns:
        For each query at most k documents with their cosines, best first.
    """
    vectors = cache.vectors(embedder, [data.queries[q] for q in queries], "query", f"{label}: queries")
    place = {identifier: i for i, identifier in enumerate(data.document_ids)}
    own = np.array([place.get(data.query_ids[q], -1) for q in queries])
    best_scores = np.empty((len(queries), 0), dtype=np.float32)
    best = np.empty((len(queries), 0), dtype=np.int64)
    for start, block in cache.blocks(embedder, data.documents, "document", f"{label}: documents"):
        scores = vectors @ block.T
        inside = np.flatnonzero((own >= start) & (own < start + len(block)))
        scores[inside, own[inside] - start] = -np.inf
        places = np.broadcast_to(np.arange(start, start + len(block)), scores.shape)
        scores = np.concatenate([best_scores, scores], axis=1)
        places = np.concatenate([best, places], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best_scores = np.take_along_axis(scores, order, axis=1)
        best = np.take_along_axis(places, order, axis=1)
    rows = zip(best, best_scores, best_scores > -np.inf, strict=True)
    return [Hits(row[kept], scores[kept]) for row, scores, kept in rows]


def evaluate(
    systems: Systems, data: RetrievalSet, *, depth: int, limit: int | None, seed: int
) -> RetrievalResult:
    """Rank the collection with every system.

    Rerankers see the first stage's best `depth`; documents behind them keep their order, so that recall@100
    means the same for every system. Titles rank, and are no evidence for a verdict.

    Args:
        systems: the loaded models.
        data: the collection.
        depth: number of documents to rerank, at least 1.
        limit: number of queries to sample; None is all.
        seed: seed of the sample.
    """
    from tqdm import tqdm

    queries = sample_queries(data, limit, seed)
    k = max(depth, CUTOFF)
    label = data.name
    first = first_stage(systems.cache, systems.embedder, data, queries, k, f"{label}: cosine")
    orders: dict[str, list[NDArray[np.int64]]] = {name: [] for name in systems.names}
    orders["cosine"] = [hits.places for hits in first]
    seconds: Seconds = {}
    timed = set(np.linspace(0, len(queries) - 1, min(TIMED_QUERIES, len(queries)), dtype=int).tolist())
    waiting: tuple[str, list[str], list[tuple[int, int]]] | None = None
    for i, q in enumerate(tqdm(queries, desc=f"{label}: reranking", unit="query", disable=None)):
        candidates, cosines = first[i].places[:depth], first[i].scores[:depth]
        texts = [data.documents[int(place)] for place in candidates]
        starts = [data.text_starts[int(place)] for place in candidates]
        own = [(start, len(text)) for start, text in zip(starts, texts, strict=True)]
        query = data.queries[q]
        results = systems.rerank(query, texts, cosines.tolist(), own, whole=True)
        tail = first[i].places[depth:]
        for name in ("maxsim", "relevance"):
            scores = np.full(len(candidates), -np.inf)
            for result in results:
                scores[result.index] = getattr(result, name)
            orders[name].append(np.append(candidates[_stable(scores)], tail))
        kept = [
            result.index
            for result in results
            if not (result.near_miss and systems.policy.near_misses == "drop")
        ]
        orders["two_stage"].append(np.append(candidates[kept], tail))
        if systems.cross_encoder is not None:
            scores = systems.cross_encoder.score([(query, text) for text in texts])
            orders["cross_encoder"].append(np.append(candidates[_stable(scores)], tail))
        # A query later: the processor's cache no longer holds what the first run of this one left there.
        if waiting is not None:
            time_query(systems, *waiting, seconds)
        waiting = (query, texts, own) if i in timed else None
    if waiting is not None:
        time_query(systems, *waiting, seconds)
    if systems.against is not None:
        found = first_stage(systems.cache, systems.against, data, queries, k, f"{label}: against")
        orders["against"] = [hits.places for hits in found]
    query_ids = tuple(data.query_ids[q] for q in queries)
    qrels = {query: data.qrels[query] for query in query_ids}
    values = {}
    for name in systems.names:
        rankings = {
            query: [data.document_ids[int(place)] for place in order[:k]]
            for query, order in zip(query_ids, orders[name], strict=True)
        }
        values[name] = ranking_measures(qrels, rankings)
    return RetrievalResult(len(data.documents), query_ids, values, seconds)


def summarise(result: RetrievalResult, seed: int) -> dict[str, object]:
    """The report's entry for one collection; p-values compare with `cosine`."""
    entry: dict[str, object] = {"documents": result.documents, "queries": len(result.query_ids)}
    for name, values in result.values.items():
        measures: dict[str, object] = {m: float(values[m].mean()) for m in RETRIEVAL_MEASURES}
        measures["ci"] = {m: mean_interval(values[m], seed) for m in RETRIEVAL_MEASURES}
        if name != "cosine":
            base = result.values["cosine"]
            measures["p_value"] = {m: p_value(base[m], values[m], seed) for m in RETRIEVAL_MEASURES}
        entry[name] = measures
    entry["per_query"] = {
        "ids": list(result.query_ids),
        **{
            name: {m: [round(float(v), 6) for v in values[m]] for m in RETRIEVAL_MEASURES}
            for name, values in result.values.items()
        },
    }
    return entry


def _stable(scores: Floats) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")
