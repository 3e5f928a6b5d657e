"""Many clients at once for a while: errors, waiting times, and whether memory grows.

    python benchmarks/soak.py --clients 16 --seconds 600
    python benchmarks/soak.py --store redis://host:6379/0 --threads 1
    python benchmarks/soak.py --short

Each client asks one query after another, with lists of 1 to 1,000 candidates, short ones more often. A
twentieth of the candidates is new, so that encoding goes on; in a store in memory what is new pushes out
what is old. The resident set is taken every few seconds. `growth_mb` is how much larger it is at the end than
it was after a tenth of the time. As in the service, memory that is freed goes back to the system at once.

Exit code 1: a query failed, or gave another number of candidates than it got.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import torch
from common import RESULTS, Texts, report

from compositional_rerank import CompositionalReranker, MemoryStore
from compositional_rerank._validation import BACKENDS
from compositional_rerank.backends.freed_memory import return_freed_memory
from compositional_rerank.concurrency.turns import cores

SIZES = ((1, 10), (11, 100), (101, 1000))
NEW = 0.05
_MEMORY = 32_000_000  # small, so that it is full soon and what grows then is something else


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="half a minute, and no file unless --out")
    parser.add_argument("--clients", type=int, default=16, help="that ask at once (16)")
    parser.add_argument("--seconds", type=float, help="how long (600; with --short 30)")
    parser.add_argument("--threads", type=int, default=1, help="of torch for each query (1)")
    parser.add_argument("--as-it-is", action="store_true", help="leave memory to glibc's own settings")
    parser.add_argument("--backend", choices=BACKENDS, default="torch", help="what computes (torch)")
    parser.add_argument("--store", help="folder or redis://... (32 MB of memory)")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/soak.json)")
    args = parser.parse_args()
    args.rounds = 1
    args.seconds = args.seconds or (30 if args.short else 600)
    if args.out is None and not args.short:
        args.out = RESULTS / "soak.json"
    return args


class Client(threading.Thread):
    """Asks until it is told to stop."""

    def __init__(self, number: int, reranker: CompositionalReranker, pool: list[str], stop: threading.Event):
        super().__init__(name=f"client {number}")
        self.rng = random.Random(number)
        self.reranker, self.pool, self.stop = reranker, pool, stop
        self.waited: list[tuple[int, float]] = []
        self.errors: list[str] = []

    def run(self) -> None:
        while not self.stop.is_set():
            size = round(10 ** self.rng.uniform(0, 3))
            passages = [
                f"{text} That is note {self.rng.random():.9f}." if self.rng.random() < NEW else text
                for text in self.rng.choices(self.pool, k=size)
            ]
            start = time.perf_counter()
            try:
                ranking = self.reranker.rerank(self.rng.choice(self.pool), passages)
                if len(ranking) != size:
                    self.errors.append(f"{len(ranking)} results for {size} candidates")
            except Exception as error:
                self.errors.append(repr(error)[:300])
            self.waited.append((size, 1000 * (time.perf_counter() - start)))


def main() -> int:
    args = arguments()
    torch.set_num_threads(args.threads)
    if not args.as_it_is:
        return_freed_memory()
    texts = Texts()
    pool = [texts.passage(random.Random(number).randint(8, 60)) for number in range(200)]
    store: Any = args.store or MemoryStore(_MEMORY)
    reranker = CompositionalReranker.from_pretrained(device="cpu", backend=args.backend, store=store)
    reranker.warm(pool)
    stop, process, start = threading.Event(), psutil.Process(), time.monotonic()
    clients = [Client(number, reranker, pool, stop) for number in range(args.clients)]
    resident: dict[str, int] = {}
    for client in clients:
        client.start()
    while (passed := time.monotonic() - start) < args.seconds:
        resident[f"{passed:.0f}"] = process.memory_info().rss >> 20
        time.sleep(max(1.0, args.seconds / 100))
    stop.set()
    for client in clients:
        client.join()
    errors = [error for client in clients for error in client.errors]
    waited = [row for client in clients for row in client.waited]
    early = next(value for second, value in resident.items() if float(second) >= args.seconds / 10)
    report("soak", args, {
        "clients": args.clients,
        "cores": cores(),
        "backend": args.backend,
        "store": type(reranker.store).__name__,
        "seconds": round(time.monotonic() - start, 1),
        "queries": len(waited),
        "errors": errors[:10],
        "store_failures": reranker.store_failures,
        "waited": {f"{low} to {high}": _waited(waited, low, high) for low, high in SIZES},
        "resident_mb": resident,
        "growth_mb": process.memory_info().rss // (1 << 20) - early,
    })  # fmt: skip
    return 1 if errors else 0


def _waited(rows: list[tuple[int, float]], low: int, high: int) -> dict[str, float]:
    times = sorted(time for size, time in rows if low <= size <= high)
    if not times:
        return {"queries": 0}
    places = {"p50": 0.5, "p99": 0.99}
    found = {
        name: round(times[min(len(times) - 1, int(share * len(times)))], 1) for name, share in places.items()
    }
    return {"queries": len(times), **found, "longest": round(times[-1], 1)}


if __name__ == "__main__":
    sys.exit(main())
