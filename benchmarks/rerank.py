"""What a rerank of 100 stored candidates costs, beside a cross-encoder of the same backbone.

    python benchmarks/rerank.py --beir BEIR/nfcorpus --out benchmarks/results/rerank.json

Candidates are the top 100 of the embedding model, their token vectors stored. Medians over the queries; the
cross-encoder, as the library comes, sees every tenth query.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import CrossEncoder
from tqdm import tqdm

from compositional_rerank import CompositionalReranker, MemoryStore, StructuralEmbedder
from compositional_rerank.audit.formats import read_beir
from compositional_rerank.checkpoint import DEFAULT_BASE, resolve


def main() -> None:
    """Time the parts of a rerank and the peer, and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beir", required=True, type=Path, help="BEIR folder")
    parser.add_argument("--queries", type=int, default=50, help="queries timed (50)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    data = read_beir(args.beir)
    rng = np.random.default_rng(0)
    queries = [data.queries[row] for row in rng.permutation(len(data.queries))[: args.queries]]
    texts = [" ".join(text.split()[:95]) for text in data.documents]  # about 128 tokens, as in the issue
    embedder = StructuralEmbedder.from_pretrained(DEFAULT_BASE, device="cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        documents = embedder.encode_document(texts, show_progress=True)
    lists = [
        [texts[row] for row in np.argsort(-(documents @ vector))[:100]]
        for vector in embedder.encode_query(queries)
    ]
    store = MemoryStore(4 << 30)
    shipped = CompositionalReranker.from_pretrained(device="cpu", store=store)
    bare = CompositionalReranker(shipped.encoder, name="no verifier", store=store)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        shipped.encode_passages(sorted({text for passages in lists for text in passages}), show_progress=True)
    peer = CrossEncoder(str(resolve(DEFAULT_BASE).path), num_labels=1, device="cpu")
    shipped.rerank(queries[0], lists[0])
    times: dict[str, list[float]] = {"query": [], "without_verifier": [], "rerank": [], "cross_encoder": []}
    suspects, tokens = [], []
    for number, (query, passages) in enumerate(tqdm(list(zip(queries, lists, strict=True)))):
        times["query"].append(_ms(lambda query=query: shipped.encoder.encode([query], task="query")))
        times["without_verifier"].append(
            _ms(lambda query=query, passages=passages: bare.rerank(query, passages))
        )
        times["rerank"].append(_ms(lambda query=query, passages=passages: shipped.rerank(query, passages)))
        suspects.append(sum(result.mismatch is not None for result in shipped.rerank(query, passages)))
        tokens += [len(entry.vectors) for entry in shipped.encode_passages(passages)]
        if number % 10 == 0:
            pairs = [(query, passage) for passage in passages]
            times["cross_encoder"].append(_ms(lambda pairs=pairs: peer.predict(pairs)))
    medians = {name: statistics.median(values) for name, values in times.items()}
    result: dict[str, Any] = {
        "collection": args.beir.name,
        "queries": len(queries),
        "candidates": 100,
        "tokens_per_candidate": statistics.mean(tokens),
        "suspects_per_query": {"mean": statistics.mean(suspects), "max": max(suspects)},
        "median_ms": medians,
        "p95_ms": {name: float(np.quantile(values, 0.95)) for name, values in times.items()},
        "verifier_ms": medians["rerank"] - medians["without_verifier"],
        "times_faster_than_cross_encoder": medians["cross_encoder"] / medians["rerank"],
        "hardware": {
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "machine": platform.processor(),
        },
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
