"""Passages a second into a store: this process, and Ray with one actor and with two, one after the other.

    python benchmarks/warming.py            # 4,000 passages of 128 tokens; --short: 300

Each way fills a store of its own. The clock starts when the first chunk is stored, so that starting the
cluster and loading the model do not count; `seconds_in_all` has them. Two actors are faster where two cores
are free.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
from common import Texts, arguments, command, report

from compositional_rerank import CompositionalReranker, FileStore
from compositional_rerank.warming import chunks, warm

TOKENS = 128
WAYS: dict[str, dict[str, Any]] = {
    "this process": {},
    "ray, 1 actor": {"engine": "ray", "actors": 1},
    "ray, 2 actors": {"engine": "ray", "actors": 2},
}


def main() -> None:
    """Fill the stores, print and write JSON."""
    args = arguments("warming", __doc__, model=True)
    chunks._PASSAGES = 32 if args.short else 128  # several chunks for each actor, even of few passages
    texts = Texts()
    passages = [f"{number}. {texts.passage(TOKENS)}" for number in range(300 if args.short else 4000)]
    reranker = CompositionalReranker.from_pretrained(args.model)
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    rates = {}
    for name, options in WAYS.items():
        with TemporaryDirectory() as folder:
            times: list[tuple[float, int]] = []
            start = time.monotonic()
            store = FileStore(Path(folder) / "store")
            done = warm(reranker.with_store(store), passages, progress=_noting(times), **options)
            assert (done.new, len(store)) == (len(passages), len(passages)), done
            first, last = times[0], times[-1]
            rates[name] = {
                "passages_per_second": round((len(passages) - first[1]) / (last[0] - first[0]), 1),
                "seconds_in_all": round(time.monotonic() - start, 1),
            }
    ray.shutdown()
    report(
        "warming",
        args,
        {"command": command(), "passages": len(passages), "tokens": TOKENS, "ways": rates},
    )


def _noting(times: list[tuple[float, int]]) -> Callable[[int, int], None]:
    """Note when each chunk was stored, and its size."""
    return lambda count, tokens: times.append((time.monotonic(), count))


if __name__ == "__main__":
    main()
