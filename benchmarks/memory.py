"""Memory of a process that serves queries of changing length beside a small store.

    python benchmarks/memory.py

The resident set, in MB, after the first query and after every eighth of the queries. The first query has a
near-miss, so that everything is loaded by then.
"""

from __future__ import annotations

import random

import psutil
from common import arguments, report

from compositional_rerank import CompositionalReranker
from compositional_rerank._validation import BACKENDS

LETTERS = "aeioubcdfglmnprst"


def main() -> None:
    """Measure every backend, each in its turn, and write the figures."""
    args = arguments("memory", __doc__)
    queries = 200 if args.short else 2000
    found = {backend: served(backend, queries, seed=0) for backend in BACKENDS}
    report("memory", args, {"seed": 0, "unit": "MB resident, by number of queries", "resident": found})


def served(backend: str, queries: int, seed: int) -> dict[str, int]:
    """Resident memory by number of queries."""
    rng = random.Random(seed)

    def text(words: int) -> str:
        names = ("".join(rng.choice(LETTERS) for _ in range(rng.randint(2, 9))) for _ in range(words))
        return " ".join(names).capitalize() + "."

    reranker = CompositionalReranker.from_pretrained(device="cpu", backend=backend)
    passages = [" ".join(text(rng.randint(3, 10)) for _ in range(rng.randint(1, 4))) for _ in range(150)]
    reranker.warm(passages)
    reranker.rerank("Rome is closer than Paris", ["Paris is closer than Rome.", *passages[:99]])
    process = psutil.Process()
    resident = {"1": process.memory_info().rss >> 20}
    for number in range(1, queries + 1):
        reranker.rerank(text(rng.randint(1, 24)), rng.sample(passages, rng.randint(2, 100)))
        if number % max(1, queries // 8) == 0:
            resident[str(number)] = process.memory_info().rss >> 20
    return resident


if __name__ == "__main__":
    main()
