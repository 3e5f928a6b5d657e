"""A cache of answers, asked 1,000 times: what does it serve by cosine alone, and what behind a guard?

Run it from anywhere: ``python examples/semantic_cache.py``. The cache knows the answers to 100 questions. Of
1,000 requests 400 ask one of them in other words, 400 something else in nearly the same words, 200 are new.
Serving the answer to another question is wrong, whatever it says. The cosine's best threshold is the one with
the most right answers less wrong ones, chosen on the very requests that it is measured on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import CORPUS

from compositional_rerank import CompositionalReranker
from compositional_rerank.caching import CacheGuard, SemanticCache

USUAL = (0.9, 0.8)  # cosines that caches come with
ROW = "{:28} {:>6} {:>6} {:>8} {:>6}"


@dataclass(frozen=True)
class Row:
    """What a cache did: right answers, wrong ones by the kind of the request, requests left to the model."""

    cache: str
    right: int
    wrong_near_misses: int
    wrong_others: int
    misses: int

    @property
    def wrong(self) -> int:
        return self.wrong_near_misses + self.wrong_others


def read_requests() -> list[dict[str, Any]]:
    """Requests, each with kind (same, near-miss, new) and the cached question that it was written to."""
    lines = (CORPUS / "cache_requests.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def counted(name: str, requests: Sequence[dict[str, Any]], served: Sequence[str | None]) -> Row:
    """Compare the cached questions whose answers were served with those that were asked."""
    right = wrong_near = wrong_other = 0
    for request, question in zip(requests, served, strict=True):
        if question is not None:
            if request["kind"] == "same" and question == request["cached"]:
                right += 1
            elif request["kind"] == "near-miss":
                wrong_near += 1
            else:
                wrong_other += 1
    return Row(name, right, wrong_near, wrong_other, sum(question is None for question in served))


def by_cosine(
    reranker: CompositionalReranker, requests: Sequence[dict[str, Any]], cached: Sequence[str]
) -> Iterator[tuple[Row, list[str | None]]]:
    """What a cache serves by cosine alone, at usual thresholds and at its best one."""

    def embed(texts: Sequence[str]) -> Any:
        return np.stack([one.pooled.numpy() for one in reranker.encoder.encode(texts, task="query")])

    cosines = embed([request["request"] for request in requests]) @ embed(cached).T
    nearest = [cached[place] for place in cosines.argmax(axis=1)]
    closeness = cosines.max(axis=1)

    def at(threshold: float, name: str) -> tuple[Row, list[str | None]]:
        served = [
            question if value >= threshold else None
            for question, value in zip(nearest, closeness.tolist(), strict=True)
        ]
        return counted(name, requests, served), served

    yield from (at(threshold, f"cosine, from {threshold}") for threshold in USUAL)
    best = max(closeness.tolist(), key=lambda value: at(value, "")[0].right - at(value, "")[0].wrong)
    yield at(best, f"cosine, best: from {best:.3f}")


def main() -> None:
    """Fill the cache, ask it, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="checkpoint with the verifier (default: the shipped one)")
    parser.add_argument("--least-support", type=float, default=0.5, help="of the guard (default: 0.5)")
    parser.add_argument("--limit", type=int, help="ask only so many, the first of the file")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    requests = read_requests()
    cached = sorted({request["cached"] for request in requests} - {None})
    requests = requests[: arguments.limit]
    reranker = CompositionalReranker.from_pretrained(arguments.model)
    guard = CacheGuard(reranker, least_support=arguments.least_support)
    cache = SemanticCache(guard=guard)
    for question in cached:
        cache.put(question, f"the answer to: {question}")

    print(ROW.format("", "right", "wrong", "of these", "asks"))
    print(ROW.format(f"{len(requests):,} requests", "answer", "answer", "new ones", "model"))
    rows, kept = [], set()
    for row, served in by_cosine(reranker, requests, cached):
        rows.append(row)
        kept = right_ones(requests, served)
    served = [found and found.question for found in (cache.get(one["request"]) for one in requests)]
    rows.append(counted(f"guard, support from {guard.least_support:g}", requests, served))
    for row in rows:
        print(ROW.format(row.cache, row.right, row.wrong, row.wrong_others, row.misses))
    lost = len(kept - right_ones(requests, served))
    counts = guard.counts
    lookups = counts.hits + counts.guarded + counts.misses
    print(f"\nOf {len(kept)} right answers of the best cosine the guard lost {lost}.")
    print(
        f"The guard saw {counts.hits} hits, {counts.guarded} guarded, {counts.misses} misses; "
        f"{counts.milliseconds / lookups:.1f} ms a lookup."
    )
    if arguments.out is not None:
        content = {
            "model": reranker.fingerprint,
            "requests": len(requests),
            "rows": [{**asdict(row), "wrong": row.wrong} for row in rows],
            "right_of_best_cosine_lost": lost,
            "counts": {name: round(value, 1) for name, value in asdict(counts).items()},
        }
        arguments.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def right_ones(requests: Sequence[dict[str, Any]], served: Sequence[str | None]) -> set[str]:
    """Requests that got the right answer."""
    return {
        request["request"]
        for request, question in zip(requests, served, strict=True)
        if question is not None and request["kind"] == "same" and question == request["cached"]
    }


if __name__ == "__main__":
    main()
