"""The texts that the shipped projection of token vectors was fitted to: questions and passages.

    python benchmarks/projection_texts.py --data DIR --out texts.jsonl
    compositional-rerank train projection --corpus texts.jsonl --out CHECKPOINT

DIR is the folder with the data of docs/guides/retrain.md.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

ROWS = {
    "medquad": 1600,
    "squad_sentences": 530,
    "natural_questions_qed": 800,
    "squadshifts": 640,
    "qamr": 430,
}
LONGEST = 1200  # characters


def main() -> None:
    """Draw rows of every set and write question and passage as a text each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSONL file to write; must not exist")
    args = parser.parse_args()
    rng = random.Random(3)
    with args.out.open("x", encoding="utf-8") as file:
        for name, rows in ROWS.items():
            lines = (args.data / "retrieval_pairs" / f"{name}.jsonl").read_text("utf-8").splitlines()
            for line in rng.sample(lines, rows):
                row = json.loads(line)
                for text in (row["query"], row["passage"][:LONGEST]):
                    file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
