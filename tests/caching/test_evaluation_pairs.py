"""The pairs that `same_question` is measured on: as many same ones as near-misses, none met in training."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
DIFFERENCES = {"negation", "roles", "numbers", "names", "comparison", "time", "condition"}


def test_pairs_are_whole_and_new() -> None:
    pairs = [
        json.loads(line) for line in (DATA / "evaluation/same_question.jsonl").read_text("utf-8").splitlines()
    ]
    assert Counter(pair["same"] for pair in pairs) == {True: 100, False: 100}
    assert len({pair["id"] for pair in pairs}) == 200
    assert {pair["difference"] for pair in pairs if not pair["same"]} == DIFFERENCES
    assert {pair["difference"] for pair in pairs if pair["same"]} == {None}
    texts = [pair[side] for pair in pairs for side in ("cached", "new")]
    assert len(set(texts)) == 400
    trained = "\n".join(path.read_text("utf-8") for path in (DATA / "contrast").glob("*.jsonl"))
    assert [text for text in texts if json.dumps(text, ensure_ascii=False) in trained] == []
