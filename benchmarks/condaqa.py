"""CondaQA's questions with a yes in one passage and a no in its edited twin, as the audit reads answers.

    python benchmarks/condaqa.py --data condaqa_dev.jsonl --out condaqa_yes_no.jsonl
    compositional-rerank audit --answers condaqa_yes_no.jsonl

Both passages answer, so that neither is a near-miss. "yes above no" in the report is the share of these
questions whose yes passage has more support than the no passage. Rows with other answers are left out. A line
of the input has `question`, `doc_orig`, `ans_orig`, `doc_edit` and `ans_edit` (Ravichander, Gardner &
Marasović, "CondaQA", EMNLP 2022). Only the standard library is needed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

VERDICTS = {"YES": "supports", "NO": "denies"}


def main() -> None:
    """Convert a file and say how many rows were kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="JSONL to read")
    parser.add_argument("--out", type=Path, required=True, help="JSONL to write")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.data.read_text("utf-8").splitlines() if line.strip()]
    kept = [_record(row) for row in rows if {row["ans_orig"], row["ans_edit"]} == set(VERDICTS)]
    args.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), encoding="utf-8")
    print(f"{len(kept)} of {len(rows)} rows: yes in one passage, no in its twin")


def _record(row: dict[str, str]) -> dict[str, Any]:
    answers = [
        {"text": row[f"doc_{side}"], "verdict": VERDICTS[row[f"ans_{side}"]]} for side in ("orig", "edit")
    ]
    return {
        "query": row["question"],
        "form": "yes_no",
        "edit_type": "negation",
        "answers": answers,
        "near_misses": [],
    }


if __name__ == "__main__":
    main()
