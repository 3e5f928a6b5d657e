"""What should become of near-misses? Every policy on the texts of the suite `natural`, as one list a query.

    python benchmarks/policy.py            # writes benchmarks/results/policy.json
    python benchmarks/policy.py --short

Stage one is the cosine of the checkpoint's own embeddings. For each order, and each way to deal with
near-misses: `right_above` is the share of pairs of an answer and a near-miss with the answer above, or the
near-miss left out; `first` the share of queries with an answer in front; `lost` the share of answers that are
left out or stand behind a text that says nothing of the query. Keyword queries have no near-misses and are
left out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, command, report
from tqdm import tqdm

from compositional_rerank import CompositionalReranker
from compositional_rerank._validation import NEAR_MISSES, ORDERS
from compositional_rerank.audit.formats import read_suite
from compositional_rerank.results import RankedPassage

SHORT = 100


@dataclass(frozen=True)
class Asked:
    """A query and its texts, those that cosine has first in front: their cosines, and their groups."""

    query: str
    texts: list[str]
    cosines: list[float]
    groups: list[str]


def main() -> None:
    """Rank every list under every policy, print and write JSON."""
    args = _arguments()
    reranker = CompositionalReranker.from_pretrained(args.model, device="cpu", backend=args.backend)
    asked = _asked(reranker, args)
    rows = []
    for order in ORDERS:
        for near_misses in NEAR_MISSES:
            found = []
            for one in tqdm(asked, desc=f"{order}, {near_misses}", disable=None):
                ranking = reranker.rerank(
                    one.query, one.texts, retrieval_scores=one.cosines, order=order, near_misses=near_misses
                )
                found.append(_measured(one, ranking.results))
            names = ("right_above", "first", "lost")
            means = {
                name: round(float(np.mean(column)), 4)
                for name, column in zip(names, zip(*found, strict=True), strict=True)
            }
            rows.append({"order": order, "near_misses": near_misses, **means})
            print(rows[-1], flush=True)
    results = {
        "command": command(),
        "seed": args.seed,
        "model": reranker.fingerprint,
        "threshold": reranker.threshold,
        "queries": len(asked),
        "stage_one": dict(zip(("right_above", "first", "lost"), _stage_one(asked), strict=True)),
        "rows": rows,
    }
    report("policy", args, results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="checkpoint to measure (the shipped one)")
    parser.add_argument("--backend", default="openvino", help="torch or openvino (openvino)")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} queries, and no file unless --out")
    parser.add_argument("--queries", type=int, help="sample so many queries (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/policy.json)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.rounds = 1
    if args.short and args.queries is None:
        args.queries = SHORT
    if args.out is None and not args.short:
        args.out = RESULTS / "policy.json"
    return args


def _asked(reranker: CompositionalReranker, args: argparse.Namespace) -> list[Asked]:
    suite: Any = read_suite("natural")
    owners = [place for place, form in enumerate(suite.forms) if form != "keywords"]
    if args.queries is not None and args.queries < len(owners):
        owners = sorted(np.random.default_rng(args.seed).choice(owners, args.queries, False).tolist())
    passages: dict[int, list[Any]] = {owner: [] for owner in owners}
    for passage in suite.passages:
        if passage.owner in passages:
            passages[passage.owner].append(passage)
    reranker.warm([one.text for group in passages.values() for one in group])
    found = []
    for owner, group in passages.items():
        query = reranker.encoder.encode([suite.queries[owner]], task="query")[0].pooled
        entries = reranker.encode_passages([one.text for one in group])
        cosines = [float(entry.pooled @ query) for entry in entries]
        order = sorted(range(len(group)), key=lambda place, cosines=cosines: -cosines[place])
        found.append(
            Asked(
                suite.queries[owner],
                [group[place].text for place in order],
                [cosines[place] for place in order],
                [group[place].group for place in order],
            )
        )
    return found


def _measured(asked: Asked, results: tuple[RankedPassage, ...]) -> tuple[float, float, float]:
    return _of_ranks(asked, {result.index: rank for rank, result in enumerate(results)})


def _stage_one(asked: list[Asked]) -> list[float]:
    rows = [_of_ranks(one, {place: place for place in range(len(one.texts))}) for one in asked]
    return [round(float(np.mean(column)), 4) for column in zip(*rows, strict=True)]


def _of_ranks(asked: Asked, ranks: dict[int, int]) -> tuple[float, float, float]:
    """`right_above`, `first` and `lost` of a query; places that are not ranked were left out."""
    groups: dict[str, list[float]] = {"answers": [], "near_misses": [], "silent": []}
    for place, group in enumerate(asked.groups):
        groups[group].append(ranks.get(place, np.inf))
    answers, wrong, silent = (np.array(groups[name]) for name in groups)
    above = (answers[:, None] < wrong[None, :]).mean() if len(wrong) else 1.0
    first = min(answers) == 0
    lost = (np.isinf(answers) | (answers > min(silent, default=np.inf))).mean()
    return float(above), float(first), float(lost)


if __name__ == "__main__":
    main()
