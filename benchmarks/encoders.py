"""The shipped verifier beside other encoders: the natural suite's figures, and what the gate lets through.

    python benchmarks/encoders.py --encoder FOLDER    # writes benchmarks/results/encoders.json

Measured are the shipped encoder, none, and each --encoder, on a sample of the queries. First all of a
query's own texts are judged, which needs an encoder only to choose windows. Then a list of 30 is ranked: its
own texts among the closest others, in the order of the shipped encoder's cosine. There the gate decides.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS

from compositional_rerank import CompositionalReranker
from compositional_rerank.audit.answers import NATURAL_SUITE, AnswerSet, Passage, read_answers
from compositional_rerank.verification.gauge import Gauge

LIST = 30
Lists = dict[int, list[str]]


def main() -> None:
    """Measure every encoder, print and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", action="append", default=[], help="folder or name; repeatable")
    parser.add_argument("--backend", default="openvino", help="what runs the networks (openvino)")
    parser.add_argument("--queries", type=int, default=100, help="sample of the suite's queries (100)")
    parser.add_argument("--short", action="store_true", help="10 queries, and no file unless --out")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/encoders.json)")
    args = parser.parse_args()
    out = args.out or (None if args.short else RESULTS / "encoders.json")
    suite = read_answers(NATURAL_SUITE)
    count = 10 if args.short else args.queries
    chosen = sorted(random.Random(0).sample(range(len(suite.queries)), count))
    shipped = CompositionalReranker.from_pretrained(device="cpu", backend=args.backend)
    lists = _lists(shipped, suite, chosen)
    found: dict[str, Any] = {}
    for name in ("shipped", "none", *args.encoder):
        reranker = shipped
        if name != "shipped":
            reranker = CompositionalReranker.from_pretrained(encoder=name, device="cpu", backend=args.backend)
        start = time.process_time()
        gauge = Gauge.of(reranker.encoder)
        found[Path(name).name] = {
            "unrelated": round(gauge.unrelated, 4),
            "near": round(gauge.near, 4),
            **_measured(reranker, suite, chosen, lists),
        }
        print(f"{name}: {found[Path(name).name]} {time.process_time() - start:.0f} s", flush=True)
    results = {"queries": count, "model": shipped.fingerprint, "encoders": found}
    if out is not None:
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _lists(reranker: CompositionalReranker, suite: AnswerSet, chosen: Sequence[int]) -> Lists:
    """For each query its own texts and the closest of the others', best first by the cosine."""
    passages = list(dict.fromkeys(one.text for one in suite.passages if one.owner in set(chosen)))
    pooled = torch.stack([one.pooled for one in reranker.encode_passages(passages)])
    queries = reranker.encoder.encode([suite.queries[place] for place in chosen], task="query")
    found = {}
    for place, query in zip(chosen, queries, strict=True):
        own = {one.text for one in _own(suite, place)}
        order = [passages[row] for row in (pooled @ query.pooled).argsort(descending=True).tolist()]
        others = [text for text in order if text not in own][: LIST - len(own)]
        kept = own.union(others)
        found[place] = [text for text in order if text in kept]
    return found


def _own(suite: AnswerSet, place: int) -> list[Passage]:
    return [one for one in suite.passages if one.owner == place]


def _measured(
    reranker: CompositionalReranker, suite: AnswerSet, chosen: Sequence[int], lists: Lists
) -> dict[str, float]:
    """Shares: of near-misses and answers that are rejected, of right verdicts; and the same within lists."""
    every: dict[str, list[float]] = {}

    def note(name: str, values: list[bool]) -> None:
        every.setdefault(name, []).extend(map(float, values))

    for place in chosen:
        query, own = suite.queries[place], _own(suite, place)
        judged = dict(zip(own, reranker.verify(query, [one.text for one in own]), strict=True))
        ranking = list(reranker.rerank(query, lists[place]))
        listed = {result.text: (rank, result) for rank, result in enumerate(ranking)}
        right = [one for one in own if one.group == "answers"]
        wrong = [one for one in own if one.group == "near_misses"]
        note("rejection", [bool(judged[one].near_miss) for one in wrong])
        note("false_rejection", [bool(judged[one].near_miss) for one in right])
        counted = [one for one in own if one.verdict and judged[one].mismatch is not None]
        note("verdict_accuracy", [(judged[one].verdict or "silent") == one.verdict for one in counted])
        note("list: near_misses_read", [listed[one.text][1].mismatch is not None for one in wrong])
        note("list: rejection", [bool(listed[one.text][1].near_miss) for one in wrong])
        note("list: answers_read", [listed[one.text][1].mismatch is not None for one in right])
        note("list: right_above", [listed[a.text][0] < listed[b.text][0] for a in right for b in wrong])
        every.setdefault("list: texts_read", []).append(
            float(sum(result.mismatch is not None for result in ranking))
        )
    return {name: round(float(np.mean(values)), 4) for name, values in every.items()}


if __name__ == "__main__":
    main()
