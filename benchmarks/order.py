"""Whose order is best: stage one's own, the relevance, or a mixture, behind stage ones of several kinds?

    python benchmarks/order.py --beir BEIR/nfcorpus --beir BEIR/scifact --embedder all-mpnet-base-v2
    python benchmarks/order.py --short --beir BEIR/scifact:train --out short.json

nDCG@10 of a stage one's own order, of the relevance of the same documents, of every `order` of the library,
and of the rules from which that of `mix` was chosen, each with the stage one's scores and with its places
alone. Stage ones are the checkpoint's own embeddings, those of --embedder, BM25, the rank fusion of BM25 and
the first embeddings, and a simulated stronger one (`stage_ones.stronger`). "shuffled" is a list in no order,
as from a user who has no retriever. Verdicts are left out but in the rows "verdicts".

`worst` is the least of (`auto` minus the better of own order and relevance), with the p-value of a paired
randomisation test. --short takes a sample of the queries, and of the documents only the best 25 of BM25 and
up to 10 relevant ones of each query, of which --embedder reads the first 128 tokens: good for comparing
orders with each other, and nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, command, report
from numpy.typing import NDArray
from stage_ones import Floats, Hits, Part, SentenceEmbedder, bm25, cosines, fused, pooled, stronger
from tqdm import tqdm

from compositional_rerank import CompositionalReranker, FileStore, MemoryStore
from compositional_rerank._validation import ORDERS
from compositional_rerank.audit.cache import EmbeddingCache, default_folder
from compositional_rerank.audit.metrics import p_value, ranking_measures
from compositional_rerank.audit.retrieval import sample_queries
from compositional_rerank.audit.sources import find_beir
from compositional_rerank.audit.systems import token_store_bytes
from compositional_rerank.scoring.order import base, incoming

DEPTH, SHORT_DEPTH = 100, 50
SHORT_QUERIES = 60
POOL, RELEVANT = 25, 10
RRF = 60
_KINDS = ("scores", "places")
_KEPT = {"own", *(f"{order}, {kind}" for order in ("auto", "relevance") for kind in _KINDS)}

Rule = Callable[[Floats, Floats], Floats]


def _z(values: Floats) -> Floats:
    return (values - values.mean()) / (values.std() or 1.0)


def _range(values: Floats) -> Floats:
    return (values - values.min()) / ((values.max() - values.min()) or 1.0)


def _ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(-values, kind="stable"), kind="stable").astype(np.float64)


def _quantiles(own: Floats, relevance: Floats) -> Floats:
    """The own order with the relevances as its values."""
    return np.sort(relevance)[::-1][_ranks(own).astype(int)]


def _convex(scale: Callable[[Floats], Floats], share: float) -> Rule:
    return lambda own, relevance: share * scale(own) + (1 - share) * scale(relevance)


RULES: dict[str, Rule] = {
    **{
        f"{name}, own {share}": _convex(scale, share)
        for name, scale in (("z-scores", _z), ("range", _range))
        for share in (0.3, 0.5, 0.7)
    },
    **{
        f"quantiles, own {share}": lambda own, relevance, share=share: (
            share * _quantiles(own, relevance) + (1 - share) * relevance
        )
        for share in (0.3, 0.5, 0.7)
    },
    "reciprocal ranks": lambda own, relevance: sum(1 / (RRF + 1 + _ranks(one)) for one in (own, relevance)),
}


def main() -> None:
    """Rank every collection behind every stage one, print and write JSON."""
    args = _arguments()
    reranker = CompositionalReranker.from_pretrained(
        args.model,
        device="cpu",
        backend=args.backend,
        store=MemoryStore(token_store_bytes()) if args.store is None else FileStore(args.store),
    )
    embedders = [SentenceEmbedder(folder, 128 if args.short else None) for folder in args.embedder]
    cache = EmbeddingCache(args.cache or default_folder())
    found: dict[str, dict[str, Any]] = {}
    for name in args.beir:
        part = _part(name, args)
        relevance, own = _ours(reranker, part)
        stage_ones = {"own embeddings": own}
        for embedder in embedders:
            stage_ones[embedder.name] = cosines(cache, embedder, part)
        stage_ones["bm25"] = bm25(part)
        stage_ones["bm25 + embeddings"] = fused([stage_ones["bm25"], own])
        stage_ones["simulated"] = stronger(own, part.relevant(), args.seed)
        stage_ones["shuffled"] = np.random.default_rng(args.seed).normal(size=own.shape)
        found[Path(name).name] = {}
        for stage, scores in stage_ones.items():
            hits = part.best(scores, args.depth)
            values = _measured(part, relevance, hits)
            row: dict[str, Any] = {
                "ndcg@10": {way: round(float(np.mean(column)), 4) for way, column in values.items()},
                "per_query": {way: column for way, column in values.items() if way in _KEPT},
            }
            if args.verdicts:
                row["verdicts"] = _with_verdicts(reranker, part, hits)
            found[Path(name).name][stage] = row
    report(
        "order",
        args,
        {
            "command": command(),
            "seed": args.seed,
            "model": reranker.fingerprint,
            "depth": args.depth,
            "worst": _worst(found),
            "collections": found,
        },
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beir", action="append", required=True, metavar="DIR[:split]", help="a collection")
    parser.add_argument(
        "--embedder",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="a sentence-transformers model",
    )
    parser.add_argument("--model", help="checkpoint to measure (the shipped one)")
    parser.add_argument("--backend", default="openvino", help="torch or openvino (openvino)")
    parser.add_argument("--short", action="store_true", help="a sample of queries and of documents")
    parser.add_argument("--queries", type=int, help=f"sample so many queries (all; --short: {SHORT_QUERIES})")
    parser.add_argument("--verdicts", action="store_true", help="rank with verdicts, too, which takes longer")
    parser.add_argument("--seed", type=int, default=0, help="of samples and simulations (0)")
    parser.add_argument("--store", type=Path, help="folder that keeps token embeddings between runs (memory)")
    parser.add_argument("--cache", type=Path, help="folder that keeps other embeddings (the audit's)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/order.json)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.rounds = 1
    args.depth = SHORT_DEPTH if args.short else DEPTH
    if args.short and args.queries is None:
        args.queries = SHORT_QUERIES
    if args.out is None and not args.short:
        args.out = RESULTS / "order.json"
    return args


def _part(name: str, args: argparse.Namespace) -> Part:
    data, _ = find_beir(name)
    queries = sample_queries(data, args.queries, args.seed)
    part = Part(data, queries, np.arange(len(data.documents)))
    return pooled(part, bm25(part), POOL, RELEVANT) if args.short else part


def _ours(reranker: CompositionalReranker, part: Part) -> tuple[Floats, Floats]:
    """Relevance and the cosine of the checkpoint's own embeddings, ``[queries, documents]`` each."""
    texts = part.texts
    pooled_vectors = torch.stack([entry.pooled for entry in reranker.encode_passages(texts)])
    relevance, own = np.empty((2, len(part.queries), len(texts)))
    for row, query in enumerate(tqdm(part.asked, desc=f"{part.data.name}: relevance", disable=None)):
        vector = reranker.encoder.encode([query], task="query")[0].pooled
        own[row] = (pooled_vectors @ vector).numpy()
        for result in reranker.rerank(query, texts, order="relevance", max_verified=0):
            relevance[row, result.index] = result.relevance
    return relevance, own


def _measured(part: Part, relevance: Floats, lists: Sequence[Hits]) -> dict[str, Any]:
    """nDCG@10 of each way of ordering each list."""
    index = {place: column for column, place in enumerate(part.documents.tolist())}
    columns = [np.array([index[place] for place in hits.places.tolist()]) for hits in lists]
    values = [row[chosen] for row, chosen in zip(relevance, columns, strict=True)]
    found = {"own": [hits.places for hits in lists]}
    for kind in _KINDS:
        given = [hits.scores.tolist() if kind == "scores" else [None] * len(hits.places) for hits in lists]
        for order in ORDERS:
            found[f"{order}, {kind}"] = [
                hits.places[_down(_library(order, row, one))]
                for hits, row, one in zip(lists, values, given, strict=True)
            ]
        for name, rule in RULES.items():
            found[f"{name}, {kind}"] = [
                hits.places[_down(rule(incoming(one).values.numpy(), row))]
                for hits, row, one in zip(lists, values, given, strict=True)
            ]
    return {name: _ndcg(part, rankings) for name, rankings in found.items()}


def _library(order: Any, relevance: Floats, given: Sequence[float | None]) -> Floats:
    """What the library sorts by before verdicts count."""
    values = torch.from_numpy(relevance.astype(np.float32))
    scores: Floats = base(order, values, incoming(given), torch.arange(len(values))).numpy()
    return scores


def _with_verdicts(reranker: CompositionalReranker, part: Part, lists: Sequence[Hits]) -> dict[str, Any]:
    """nDCG@10 of whole reranks with the stage one's scores, and how many of the documents are near-misses."""
    found = {}
    for order in ORDERS:
        rankings, flagged, read = [], 0, 0
        for query, hits in zip(part.asked, lists, strict=True):
            places = hits.places.tolist()
            texts = [part.data.documents[place] for place in places]
            spans = [
                (part.data.text_starts[place], len(text)) for place, text in zip(places, texts, strict=True)
            ]
            ranking = reranker.rerank(
                query, texts, retrieval_scores=hits.scores.tolist(), own_text=spans, order=order
            )
            rankings.append(hits.places[[result.index for result in ranking]])
            flagged += sum(result.near_miss for result in ranking)
            read += sum(result.mismatch is not None for result in ranking)
        mean = round(float(np.mean(_ndcg(part, rankings))), 4)
        found[order] = {"ndcg@10": mean, "near_misses": flagged, "judged": read}
    return found


def _ndcg(part: Part, rankings: Sequence[NDArray[np.int64]]) -> list[float]:
    names = [part.data.query_ids[query] for query in part.queries]
    runs = {
        name: [part.data.document_ids[place] for place in ranking.tolist()]
        for name, ranking in zip(names, rankings, strict=True)
    }
    values = ranking_measures({name: part.data.qrels[name] for name in names}, runs)["ndcg@10"]
    return [round(float(value), 4) for value in values]


def _down(scores: Floats) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")


def _worst(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of `auto` minus the better of own order and relevance, the least, with scores and with places alone."""
    worst: dict[str, Any] = {}
    for kind in _KINDS:
        rows = []
        for name, stages in found.items():
            for stage, row in stages.items():
                values = row["per_query"]
                auto = np.array(values[f"auto, {kind}"])
                sides = [np.array(values[side]) for side in ("own", f"relevance, {kind}")]
                better = max(sides, key=lambda side: side.mean())
                difference = round(float(auto.mean() - better.mean()), 4)
                rows.append((difference, name, stage, round(p_value(better, auto, seed=0), 4)))
        worst[kind] = dict(zip(("difference", "collection", "stage_one", "p"), min(rows), strict=True))
    return worst


if __name__ == "__main__":
    main()
