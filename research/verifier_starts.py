"""Which head, which parameters and which learning rate let the verifier start to learn.

    python research/verifier_starts.py --data DIR --out research/results/verifier_starts.json

Trains the base model on the same few thousand pairs from every start, and writes the mean loss and accuracy
of the last 30 steps. Two minutes a start on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.training.sources import inference_pairs, paraphrase_pairs

STARTS = [
    {"head": "mean", "parameters": "all", "learning_rate": 1e-4},
    {"head": "mean", "parameters": "all", "learning_rate": 2.5e-4},
    {"head": "mean", "parameters": "LoRA r=64", "learning_rate": 5e-4},
    {"head": "first token", "parameters": "all", "learning_rate": 1e-4},
    {"head": "first token", "parameters": "LoRA r=64", "learning_rate": 8e-4},
]


def main() -> None:
    """Run every start and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with pairs/train and nli/train")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--steps", type=int, default=180, help="steps of 32 pairs (180)")
    args = parser.parse_args()
    rng = random.Random(0)
    pairs = [
        pair
        for name in ("scramble", "sem_anto_neg")
        for pair in paraphrase_pairs(args.data / f"pairs/train/{name}.jsonl", rng)
    ]
    pairs += inference_pairs(args.data / "nli/train/counterfactual_snli.jsonl")
    rng.shuffle(pairs)
    rows = [{**start, **run(start, pairs, args.steps)} for start in STARTS]
    hardware = {"machine": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    result = {"steps": args.steps, "batch_size": 32, "seed": 0, "hardware": hardware, "starts": rows}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")


def run(start: dict, pairs: list, steps: int) -> dict[str, float]:
    """Train from one start; mean loss and accuracy of the last 30 steps."""
    torch.manual_seed(0)
    path = str(resolve(DEFAULT_BASE).path)
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path)
    if start["parameters"] != "all":
        from peft import LoraConfig, get_peft_model

        layers = r"encoder\.layer\.\d+\..*(query|key|value|dense)"
        model = get_peft_model(model, LoraConfig(r=64, lora_alpha=64, target_modules=layers))
    head = torch.nn.Linear(model.config.hidden_size, 1)
    parameters = [p for p in model.parameters() if p.requires_grad] + list(head.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=start["learning_rate"], weight_decay=0.01)
    losses, hits = [], []
    for step in tqdm(range(steps), desc=str(start)):
        for group in optimizer.param_groups:
            group["lr"] = start["learning_rate"] * min(1, (step + 1) / 40)
        batch = pairs[step * 32 : step * 32 + 32]
        inputs = tokenizer(
            [pair.query for pair in batch],
            [pair.passage for pair in batch],
            padding=True,
            truncation=True,
            max_length=128,
            return_tensors="pt",
        )
        labels = torch.tensor([float(pair.mismatch) for pair in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        pooled = (hidden * mask).sum(1) / mask.sum(1) if start["head"] == "mean" else hidden[:, 0]
        logits = head(pooled.float())[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        hits.append(float(((logits > 0) == (labels > 0)).float().mean()))
    return {"loss": round(sum(losses[-30:]) / 30, 4), "accuracy": round(sum(hits[-30:]) / 30, 4)}


if __name__ == "__main__":
    main()
