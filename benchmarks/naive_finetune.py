"""What the audit is for: fine-tune an embedding model naively on structural negatives and watch recall go.

Trains a SentenceTransformer with MultipleNegativesRankingLoss, the near-miss as the hard negative and
nothing that protects retrieval, as many projects do. Then let the gate judge the result, which ends with
exit code 1:

    python benchmarks/naive_finetune.py --pairs DIR/paws_qqp.jsonl --pairs DIR/scramble.jsonl --out runs/naive
    compositional-rerank audit --against runs/naive --beir BEIR/nfcorpus --max-recall-drop 0.01

Pair files are JSONL with `text1`, `text2` and `same` (1 or 0), the audit's own format. A text with both a
paraphrase and a near-miss gives a triple. A text with a near-miss only is its own positive (two dropout masks
of one text, as in SimCSE), and a pair with a paraphrase only is dropped: it has no near-miss to push away.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from pathlib import Path


def triples_of(path: Path) -> list[tuple[str, str, str]]:
    """Group a pair file by its first text into (anchor, positive, near-miss) triples.

    Args:
        path: JSONL file with the fields `text1`, `text2` and `same`.

    Returns:
        One triple for each near-miss; the anchor itself is the positive where there is no paraphrase.
    """
    from compositional_rerank.audit.formats import read_pairs

    groups: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    pairs = read_pairs(path)
    for text1, text2, same in zip(pairs.texts1, pairs.texts2, pairs.same, strict=True):
        groups[text1][same].append(text2)
    triples = []
    for anchor, (near_misses, paraphrases) in groups.items():
        for i, near_miss in enumerate(near_misses):
            positive = paraphrases[i % len(paraphrases)] if paraphrases else anchor
            triples.append((anchor, positive, near_miss))
    return triples


def main(argv: list[str] | None = None) -> int:
    """Train, save the model to `--out` and write `naive_finetune.json` with the settings beside it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, action="append", required=True, help="pair file; repeatable")
    parser.add_argument("--out", type=Path, required=True, help="folder for the fine-tuned model")
    parser.add_argument("--base", default="sentence-transformers/all-MiniLM-L6-v2", help="starting model")
    parser.add_argument("--per-file", type=int, default=4000, help="triples taken from each file at most")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-length", type=int, default=64, help="longest text in tokens while training")
    args = parser.parse_args(argv)

    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    from compositional_rerank.checkpoint import resolve

    rng = random.Random(args.seed)
    triples: list[tuple[str, str, str]] = []
    counts: dict[str, int] = {}
    for path in args.pairs:
        found = triples_of(path)
        rng.shuffle(found)
        counts[path.stem] = len(found[: args.per_file])
        triples += found[: args.per_file]
    rng.shuffle(triples)
    columns = ("anchor", "positive", "negative")
    data = Dataset.from_dict({name: [t[i] for t in triples] for i, name in enumerate(columns)})

    model = SentenceTransformer(str(resolve(args.base).path), device="cpu")
    length = model.max_seq_length
    model.max_seq_length = args.max_length
    training = SentenceTransformerTrainingArguments(
        output_dir=str(args.out / "trainer"),
        max_steps=args.steps,
        per_device_train_batch_size=args.batch_size,
        learning_rate=args.lr,
        warmup_steps=max(1, args.steps // 10),
        bf16=True,
        use_cpu=True,
        seed=args.seed,
        save_strategy="no",
        logging_steps=50,
        report_to="none",
    )
    began = time.perf_counter()
    trainer = SentenceTransformerTrainer(
        model=model, args=training, train_dataset=data, loss=MultipleNegativesRankingLoss(model)
    )
    trainer.train()
    model.max_seq_length = length
    model.save_pretrained(str(args.out), create_model_card=False)
    record = {
        "base": args.base,
        "loss": "MultipleNegativesRankingLoss",
        "triples": counts,
        "steps": args.steps,
        "batch_size": args.batch_size,
        "lr": args.lr,
        "seed": args.seed,
        "seconds": round(time.perf_counter() - began, 1),
    }
    (args.out / "naive_finetune.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
