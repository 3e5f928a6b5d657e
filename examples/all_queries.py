"""Ask all queries of the corpus: how often does the right passage stand above its near-misses?

Run it from anywhere: ``python examples/all_queries.py``. With ``--write-answers FILE`` it measures nothing
and writes the queries for ``compositional-rerank audit --answers FILE``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import WIDTH, above, passage_text, read_corpus, read_labels, read_queries

from compositional_rerank import CompositionalReranker, StructuralEmbedder

CANDIDATES = 20
FORMS = {
    "yes": "yes/no question, answer yes",
    "no": "yes/no question, answer no",
    "question": "other question",
    "statement": "statement",
}


def measure(reranker: CompositionalReranker | None = None) -> None:
    """Search with embeddings, rerank what they find, and print how both did."""
    passages, queries, labels = read_corpus(), read_queries(), read_labels()
    ids = [passage["id"] for passage in passages]
    texts = [passage_text(passage) for passage in passages]
    own = [(len(text) - len(one["text"]), len(text)) for one, text in zip(passages, texts, strict=True)]
    embedder = StructuralEmbedder.from_pretrained()
    cosines = embedder.encode_query([entry["query"] for entry in queries]) @ embedder.encode_document(texts).T
    reranker = reranker or CompositionalReranker.from_pretrained()

    counts = {form: [0, 0, 0] for form in FORMS}  # found by embeddings, found after reranking, asked
    first = [0, 0]  # queries whose right passage is first, before and after
    wrong = caught = 0  # right passages and near-misses that are taken for near-misses
    for entry, row in zip(queries, cosines, strict=True):
        before = np.argsort(-row, kind="stable")[:CANDIDATES].tolist()
        ranking = reranker.rerank(
            entry["query"],
            [texts[place] for place in before],
            retrieval_scores=row[before].tolist(),
            own_text=[own[place] for place in before],
        )
        after = [before[result.index] for result in ranking]
        orders = [[ids[place] for place in order] for order in (before, after)]
        label = labels[entry["query"]]
        first = [count + (label.get(order[0]) == "right") for count, order in zip(first, orders, strict=True)]
        if entry["near_misses"]:
            found = [above(order, label) for order in orders]
            form = entry.get("truth", entry["form"])
            counts[form] = [old + new for old, new in zip(counts[form], (*found, 1), strict=True)]
        for place, result in zip(after, ranking, strict=True):
            if result.near_miss:
                wrong += label.get(ids[place]) == "right"
                caught += label.get(ids[place]) == "near-miss"
    report(counts, first, len(queries))
    right, near = (sum(len(entry[field]) for entry in queries) for field in ("relevant", "near_misses"))
    print(f"\nTaken for a near-miss: {wrong} of {right} right passages, {caught} of {near} near-misses.")


def report(counts: dict[str, list[int]], first: Sequence[int], asked: int) -> None:
    """Print the table: a line for each form of query, then all of them."""
    line = "{:36}{:>20}{:>20}"
    print(f"\n{'=' * WIDTH}\nAll queries; reranked are the {CANDIDATES} passages that the embeddings find\n")
    print(line.format("right passage above its near-misses", "embedding search", "after reranking"))
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    for form, (old, new, of) in [*counts.items(), ("all", total)]:
        print(line.format(f"  {FORMS.get(form, form)}", f"{old} of {of}", f"{new} of {of}"))
    print(line.format("right passage first, keywords too", *(f"{count} of {asked}" for count in first)))


def answers() -> list[dict[str, Any]]:
    """The queries as ``compositional-rerank audit --answers`` reads them: texts, and what they say."""
    text_of = {passage["id"]: passage_text(passage) for passage in read_corpus()}
    verdicts = {"keywords": None, "no": "denies"}  # keywords ask nothing; all others: supports
    return [
        {
            "query": entry["query"],
            "answers": [
                {
                    "text": text_of[name],
                    "verdict": verdicts.get(entry.get("truth", entry["form"]), "supports"),
                }
                for name in entry["relevant"]
            ],
            "near_misses": [text_of[name] for name in entry["near_misses"]],
            "edit_type": entry["edit_type"],
            "form": entry["form"],
        }
        for entry in read_queries()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--write-answers", type=Path, metavar="FILE", help="write the queries, measure nothing"
    )
    arguments = parser.parse_args()
    if arguments.write_answers is None:
        measure()
        return
    lines = [json.dumps(entry, ensure_ascii=False) + "\n" for entry in answers()]
    arguments.write_answers.write_text("".join(lines), encoding="utf-8")
    print(f"wrote {len(lines)} queries to {arguments.write_answers}")


if __name__ == "__main__":
    main()
