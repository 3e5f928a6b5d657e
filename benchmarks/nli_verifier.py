"""A cross-encoder trained on inference in minutes, as the verifier; and the shipped one on the same pairs.

    python benchmarks/nli_verifier.py --train snli.jsonl --test counterfactual_snli.jsonl

Both files hold premise, hypothesis and label, one object a line. The model is transformers' own, with the
layers of the shipped verifier to begin with; it is saved as anybody would save theirs, and loaded by its
folder. Measured is the share of pairs for which entailment, contradiction or neutral is right, and the area
under the curve of support against denial. It shows that any such model can be plugged in, not how good one
is: those on the hub have seen a hundred times as much.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from compositional_rerank import CompositionalReranker
from compositional_rerank.audit.nli import CLASSES, NliSet, read_nli, summarise
from compositional_rerank.audit.verdicts import Verdicts
from compositional_rerank.checkpoints.config import VERIFIER_FILE
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.checkpoints.weight_delta import apply_delta
from compositional_rerank.verification.cross_encoder import HEAD

BATCH = 32
LEARNING_RATE, HEAD_LEARNING_RATE = 5e-5, 1e-3


def main() -> None:
    """Train, save, load as a verifier, measure, print and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, action="append", required=True, help="JSONL; repeatable")
    parser.add_argument("--test", type=Path, action="append", required=True, help="JSONL; repeatable")
    parser.add_argument("--seconds", type=float, default=300, help="of processor time to train (300)")
    parser.add_argument("--limit", type=int, default=600, help="sample of each test file (600)")
    parser.add_argument("--short", action="store_true", help="10 seconds, 60 pairs, and no file unless --out")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/nli_verifier.json)")
    args = parser.parse_args()
    seconds, limit = (10.0, 60) if args.short else (args.seconds, args.limit)
    out = args.out or (None if args.short else RESULTS / "nli_verifier.json")
    tests = [_sample(read_nli(path), limit) for path in args.test]
    with tempfile.TemporaryDirectory() as folder:
        steps, loss = _train([read_nli(path) for path in args.train], Path(folder), seconds)
        verifiers = {
            "shipped": CompositionalReranker.from_pretrained(device="cpu"),
            "trained here": CompositionalReranker.from_pretrained(
                encoder="none", verifier=folder, device="cpu"
            ),
        }
        found: dict[str, Any] = {
            test.name: {name: _measured(one, test) for name, one in verifiers.items()} for test in tests
        }
    results = {"steps": steps, "batch": BATCH, "seconds": seconds, "loss": round(loss, 3), "sets": found}
    print(json.dumps(results, indent=1))
    if out is not None:
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _sample(data: NliSet, limit: int) -> NliSet:
    places = sorted(random.Random(0).sample(range(len(data.labels)), min(limit, len(data.labels))))
    columns = (data.premises, data.hypotheses, data.labels)
    return NliSet(data.name, *([column[place] for place in places] for column in columns))


def _train(sets: Sequence[NliSet], folder: Path, seconds: float) -> tuple[int, float]:
    """Train on pairs drawn from all sets alike, save model and tokenizer; steps, mean of the last losses."""
    torch.manual_seed(0)
    rng = random.Random(0)
    start = locate(None)
    assert start.folder is not None
    path = str(start.base.path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForSequenceClassification.from_pretrained(
        path, id2label=dict(enumerate(CLASSES)), label2id={name: place for place, name in enumerate(CLASSES)}
    )
    change = load_file(start.folder / VERIFIER_FILE)
    apply_delta(
        model.base_model, {name: one for name, one in change.items() if not name.startswith((HEAD, "pooler"))}
    )
    head = [one for name, one in model.named_parameters() if name.startswith(("classifier", "bert.pooler"))]
    heads = {id(one) for one in head}
    body = [one for one in model.parameters() if id(one) not in heads]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": LEARNING_RATE}, {"params": head, "lr": HEAD_LEARNING_RATE}]
    )
    rows = [
        [row for row in zip(one.premises, one.hypotheses, one.labels, strict=True) if row[2] in CLASSES]
        for one in sets
    ]
    losses: list[float] = []
    model.train()
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        drawn = [rng.choice(rng.choice(rows)) for _ in range(BATCH)]
        inputs = tokenizer(
            [row[0] for row in drawn],
            [row[1] for row in drawn],
            padding=True,
            truncation=True,
            max_length=128,
            return_tensors="pt",
        )
        labels = torch.tensor([CLASSES.index(row[2]) for row in drawn])
        loss = model(**inputs, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
        if len(losses) % 20 == 0:
            print(f"step {len(losses)}, loss {np.mean(losses[-20:]):.3f}", flush=True)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return len(losses), float(np.mean(losses[-20:]))


def _measured(reranker: CompositionalReranker, data: NliSet) -> dict[str, object]:
    scores = reranker.score_pairs(data.hypotheses, data.premises)
    entry = summarise(data, Verdicts.of(scores.verdicts), seed=0)
    return {name: entry[name] for name in ("n", "accuracy", "auc")}


if __name__ == "__main__":
    main()
