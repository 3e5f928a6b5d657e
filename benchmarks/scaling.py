"""How a rerank grows with the number of candidates and with their length.

    python benchmarks/scaling.py            # writes benchmarks/results/scaling.json
    python benchmarks/scaling.py --short

The shipped checkpoint in its fastest installed backend, passages stored in int8. One candidate says the same
as the query and two are near-misses, however many there are.
"""

from __future__ import annotations

from typing import Any

import torch
from common import Texts, arguments, report, timed

from compositional_rerank import CompositionalReranker, MemoryStore
from compositional_rerank.errors import MissingDependencyError

COUNTS, LENGTHS = (10, 30, 100, 300, 1000), (32, 128, 512, 2048)


def main() -> None:
    """Time reranks of 10 to 1000 candidates, and of 100 candidates of 32 to 2048 tokens."""
    args = arguments("scaling", __doc__)
    texts = Texts()
    store = MemoryStore(4 << 30, "int8")
    try:
        reranker = CompositionalReranker.from_pretrained(device="cpu", backend="openvino", store=store)
        backend = "openvino"
    except MissingDependencyError:
        reranker, backend = CompositionalReranker.from_pretrained(device="cpu", store=store), "torch"
    plain = CompositionalReranker.from_parts(reranker.encoder, name="without verifier", store=store)
    counts = COUNTS[:-1] if args.short else COUNTS
    lengths = LENGTHS[:-1] if args.short else LENGTHS
    cases = {f"k={count}": texts.candidates(0, count, 128) for count in counts}
    cases |= {f"100 of {length} tokens": texts.candidates(0, 100, length) for length in lengths}
    work, verified = {}, {}
    for name, (query, passages) in cases.items():
        reranker.encode_passages(passages)
        ranking = reranker.rerank(query, passages)
        verified[name] = sum(result.mismatch is not None for result in ranking)
        work[name] = lambda query=query, passages=passages: reranker.rerank(query, passages)
        work[f"{name}, without verifier"] = lambda query=query, passages=passages: plain.rerank(
            query, passages
        )
    times = timed(work, args.rounds)
    results: dict[str, Any] = {"backend": backend, "suspects_verified": verified, "times": times}
    if not args.short:
        grown = {
            name: times[f"k=1000{name}"]["cpu"] / times[f"k=100{name}"]["cpu"]
            for name in ("", ", without verifier")
        }
        results["k=1000 over k=100"] = {f"rerank{name}": round(value, 2) for name, value in grown.items()}
    results["dimension"] = reranker.encoder.dimension
    results["torch_threads"] = torch.get_num_threads()
    report("scaling", args, results)


if __name__ == "__main__":
    main()
