"""The README's table of failures: how stage one, plain MaxSim and the two stages rank near-misses.

python benchmarks/failures.py --out benchmarks/results/failures.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE

TRIPLES = [
    ("Rome is closer than Paris", "Paris is farther away than Rome", "Paris is closer than Rome"),
    ("a red cup on a blue plate", "on a blue plate there is a red cup", "a blue cup on a red plate"),
    ("the dog bit the man", "the man was bitten by the dog", "the man bit the dog"),
    (
        "The drug is safe for children",
        "Children can take the drug without risk",
        "The drug is not safe for children",
    ),
    (
        "Book the hotel before you book the flight",
        "Book the flight after the hotel",
        "Book the flight before you book the hotel",
    ),
    ("All of the guests arrived on time", "Nobody arrived late", "Some of the guests arrived on time"),
    (
        "The limit for meals is 45 euros a day",
        "You may spend up to 45 euros a day on meals",
        "The limit for meals is 54 euros a day",
    ),
    (
        "The bank is to the left of the church",
        "The church is to the right of the bank",
        "The bank is to the right of the church",
    ),
]


def main() -> None:
    """Score every anchor with its paraphrase and its near-miss, print a table and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    embedder = StructuralEmbedder.from_pretrained(DEFAULT_BASE, device="cpu")
    plain = CompositionalReranker.from_pretrained(DEFAULT_BASE, verifier="none", device="cpu")
    shipped = CompositionalReranker.from_pretrained(device="cpu")
    rows = []
    for anchor, paraphrase, near_miss in TRIPLES:
        query, same, other = embedder.encode_query([anchor, paraphrase, near_miss])
        maxsim = plain.score_pairs([anchor] * 2, [paraphrase, near_miss])
        ranking = sorted(shipped.rerank(anchor, [paraphrase, near_miss]), key=lambda result: result.index)
        rows.append(
            {
                "query": anchor,
                "paraphrase": paraphrase,
                "near_miss": near_miss,
                "cosine": [float(query @ same), float(query @ other)],
                "maxsim": maxsim.score.tolist(),
                "score": [result.score for result in ranking],
                "mismatch": [result.mismatch for result in ranking],
            }
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"model": shipped.fingerprint, "rows": rows}, indent=2) + "\n")
    print("| query | text | same? | cosine | MaxSim | mismatch | score |\n|---|---|---|---|---|---|---|")
    for row in rows:
        for place, (text, same) in enumerate([(row["paraphrase"], "yes"), (row["near_miss"], "no")]):
            mismatch = "-" if row["mismatch"][place] is None else f"{row['mismatch'][place]:.2f}"
            print(
                f"| {row['query'] if place == 0 else ''} | {text} | {same} | {row['cosine'][place]:.3f} "
                f"| {row['maxsim'][place]:.3f} | {mismatch} | {row['score'][place]:.3f} |"
            )


if __name__ == "__main__":
    main()
