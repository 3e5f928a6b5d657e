"""A file of questions and their passages as a BEIR collection, for `compositional-rerank audit --beir`.

    python benchmarks/passages_as_beir.py data/retrieval_pairs/squadshifts.jsonl build/squadshifts

The corpus is every passage of the file once; a sample of the questions is asked, and a question's own
passage is its one relevant document.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path


def main() -> None:
    """Write corpus.jsonl, queries.jsonl and qrels/test.tsv into a new folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path, help="JSONL with `query` and `passage`")
    parser.add_argument("out", type=Path, help="folder to write; must not exist")
    parser.add_argument("--queries", type=int, default=300, help="questions to sample (300)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.pairs.read_text("utf-8").splitlines() if line.strip()]
    names = {text: f"d{number}" for number, text in enumerate(dict.fromkeys(row["passage"] for row in rows))}
    asked = random.Random(args.seed).sample(rows, min(args.queries, len(rows)))
    (args.out / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": "", "text": text} for text, name in names.items()]
    queries = [{"_id": f"q{number}", "text": row["query"]} for number, row in enumerate(asked)]
    for file, records in (("corpus", corpus), ("queries", queries)):
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        (args.out / f"{file}.jsonl").write_text("".join(lines), "utf-8")
    grades = [f"q{number}\t{names[row['passage']]}\t1\n" for number, row in enumerate(asked)]
    (args.out / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(grades), "utf-8")
    print(f"{len(corpus)} passages, {len(queries)} questions in {args.out}")


if __name__ == "__main__":
    main()
