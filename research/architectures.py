"""Which verifier learns structure: five readers of the similarity map and joint reading, on one budget.

    python research/architectures.py --data DIR --out research/results/architectures.json

Every architecture sees the same pairs (the third recipe's) in the same order for the same number of steps,
the map readers on top of a frozen encoder and trained end to end with it. F1 to F4 are those of
arXiv 2604.16351. The measurements are on development data that is never trained on; "milliseconds" is the
reader's own time for one pair of the built-in suite's short texts in a batch of 16, without the encoding of
tokens, which a store saves (joint reading has no such saving). Joint reading also meets the suite's passages:
whole, which is a cross-encoder of this backbone, and by the segment that MaxSim finds closest.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from architecture_readers import READERS
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from compositional_rerank.audit.formats import read_pairs, read_triples
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.training.recipe import Recipe
from compositional_rerank.verification.evidence import compare

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

BATCH = 32
LONGEST = 64


class Network(torch.nn.Module):
    """The base model and a reader: of the map of both texts' token vectors, or of both texts together."""

    def __init__(self, architecture: str, frozen: bool) -> None:
        super().__init__()
        path = str(resolve(DEFAULT_BASE).path)
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.encoder = AutoModel.from_pretrained(path)
        self.encoder.get_input_embeddings().requires_grad_(False)
        self.joint = architecture == "joint"
        self.frozen = frozen
        if frozen:
            self.encoder.requires_grad_(False)
        self.reader = torch.nn.Linear(384, 1) if self.joint else READERS[architecture]()

    def tokens(self, *texts: list[str]) -> dict[str, torch.Tensor]:
        longest = 4 * LONGEST if self.joint else LONGEST
        return dict(
            self.tokenizer(*texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        )

    def encode(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states of three layers ``[B, 3, T, 384]``, L2-normalised, and the mask ``[B, T]``."""
        inputs = self.tokens(texts)
        with (
            torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen),
            torch.autocast("cpu", torch.bfloat16),
        ):
            states = self.encoder(**inputs, output_hidden_states=True).hidden_states
        layers = torch.stack([states[layer].float() for layer in (-1, 4, 2)], dim=1)
        return F.normalize(layers, dim=-1), inputs["attention_mask"].bool()

    def forward(self, first: list[str], second: list[str]) -> torch.Tensor:
        if not self.joint:
            return self.reader(*self.encode(first), *self.encode(second))
        inputs = self.tokens(first, second)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.encoder(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"].unsqueeze(-1)
        return self.reader((hidden * mask).sum(1) / mask.sum(1))[:, 0]

    @torch.inference_mode()
    def logits(self, first: list[str], second: list[str]) -> torch.Tensor:
        """Logits of a mismatch for aligned texts, float32 ``[n]``."""
        self.eval()
        order = sorted(range(len(first)), key=lambda i: len(first[i]) + len(second[i]))
        found = torch.zeros(len(first))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            found[rows] = self([first[i] for i in rows], [second[i] for i in rows])
        return found


def train(network: Network, pairs: list, steps: int) -> float:
    """Train with cross entropy; the mean loss of the last tenth of the steps."""
    reader = list(network.reader.parameters())
    groups = [{"params": reader, "lr": 1e-4 if network.joint else 1e-3}]
    if not network.frozen:
        groups.append({"params": [p for p in network.encoder.parameters() if p.requires_grad], "lr": 1e-4})
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    peaks = [group["lr"] for group in optimizer.param_groups]
    losses = []
    network.train()
    for step in tqdm(range(steps), leave=False):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * min((step + 1) / (0.1 * steps), (steps - step) / (0.9 * steps))
        batch = pairs[step * BATCH : (step + 1) * BATCH]
        logits = network([pair.query for pair in batch], [pair.passage for pair in batch])
        loss = F.binary_cross_entropy_with_logits(logits, torch.tensor([float(p.mismatch) for p in batch]))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return sum(losses[-steps // 10 :]) / len(losses[-steps // 10 :])


def measure(network: Network, data: Path, rows: int) -> dict[str, float]:
    """AUC of pairs, share of triples with the paraphrase above the near-miss, near-misses rejected."""
    found = {}
    rng = random.Random(0)
    for name in ("paws_qqp", "scramble"):
        pairs = read_pairs(data / f"pairs/dev/{name}.jsonl")
        kept = rng.sample(range(len(pairs.same)), min(2 * rows, len(pairs.same)))
        logits = network.logits([pairs.texts1[i] for i in kept], [pairs.texts2[i] for i in kept])
        found[f"{name} AUC"] = float(roc_auc_score([pairs.same[i] for i in kept], -logits.numpy()))
    suite = resources.files("compositional_rerank.audit") / "suites" / "builtin.jsonl"
    short = [row for row in rows_of(suite) if row["length"] == "short"]
    triples = [(r["anchor"], r["positive"], r["negative"]) for r in short]
    sets = {"built-in suite, short": triples}
    if network.joint:
        found |= _on_passages(network, [row for row in rows_of(suite) if row["length"] != "short"], rows)
    for kind in ("att", "obj", "rel"):
        read = read_triples(data / f"triples/dev/sugarcrepe_pp_replace_{kind}.jsonl")
        sets[f"replace_{kind}"] = list(zip(read.anchors, read.positives, read.negatives, strict=True))
    for name, triples in sets.items():
        chosen = rng.sample(triples, min(rows, len(triples)))
        anchors, positives, negatives = (list(column) for column in zip(*chosen, strict=True))
        near, same = network.logits(anchors, negatives), network.logits(anchors, positives)
        found[f"{name} anchor"] = float((near > same).float().mean())
        if name.startswith("built-in"):
            found["built-in suite, short: rejected at 5 %"] = float(
                (near > same.quantile(0.95)).float().mean()
            )
    found["milliseconds"] = _milliseconds(network, [t[0] for t in sets["built-in suite, short"][:16]])
    return {name: round(value, 4) for name, value in found.items()}


def rows_of(file: Traversable) -> list[dict[str, str]]:
    """The JSON objects of a JSONL file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _on_passages(network: Network, triples: list[dict[str, str]], rows: int) -> dict[str, float]:
    """Near-misses in passages that are rejected, read whole and by the closest segment."""
    chosen = random.Random(0).sample(triples, min(rows, len(triples)))
    anchors = [row["anchor"] for row in chosen]
    passages = {side: [row[side] for row in chosen] for side in ("positive", "negative")}
    encoder = TokenEncoder(resolve(DEFAULT_BASE), "cpu")
    queries = encoder.encode(anchors, task="query")
    closest = {side: [] for side in passages}
    for side, texts in passages.items():
        for query, text, encoded in zip(queries, texts, encoder.encode(texts, task="document"), strict=True):
            start, stop = encoded.segments[int(compare(query, [encoded]).closeness[0].argmax()), :2].tolist()
            closest[side].append(text[start:stop])
    found = {}
    for name, read in (("whole", passages), ("closest segment", closest)):
        near, same = network.logits(anchors, read["negative"]), network.logits(anchors, read["positive"])
        rejected = float((near > same.quantile(0.95)).float().mean())
        found[f"built-in suite, passages, {name}: rejected at 5 %"] = rejected
    return found


@torch.inference_mode()
def _milliseconds(network: Network, texts: list[str]) -> float:
    """Median time of the reader for a pair, one of 16."""
    encoded = None if network.joint else network.encode(texts)
    times = []
    for _ in range(9):
        start = time.perf_counter()
        if encoded is None:
            network(texts, texts[::-1])
        else:
            network.reader(*encoded, *encoded)
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[4] / len(texts)


def main() -> None:
    """Train and measure every architecture; the file is written after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the data of docs/guides/retrain.md"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--steps", type=int, default=200, help="steps of 32 pairs (200)")
    parser.add_argument("--rows", type=int, default=200, help="rows of each development set (200)")
    parser.add_argument("--only", nargs="*", default=[*READERS, "joint"], help="architectures")
    parser.add_argument("--end-to-end", action="store_true", help="leave the frozen encoders out")
    args = parser.parse_args()
    pairs = [
        pair
        for pair in Recipe.load("third").pairs(args.data)
        if max(len(pair.query), len(pair.passage)) <= 4 * LONGEST
    ][: args.steps * BATCH]
    hardware = {"machine": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    result = {"steps": args.steps, "batch_size": BATCH, "seed": 0, "hardware": hardware, "rows": []}
    for architecture in args.only:
        for frozen in (False,) if args.end_to_end or architecture == "joint" else (True, False):
            torch.manual_seed(0)
            network = Network(architecture, frozen)
            start = time.perf_counter()
            loss = train(network, pairs, args.steps)
            row = {
                "architecture": architecture,
                "encoder": "frozen" if frozen else "end to end",
                "parameters of the reader": sum(p.numel() for p in network.reader.parameters()),
                "seconds": round(time.perf_counter() - start),
                "loss": round(loss, 4),
                **measure(network, args.data, args.rows),
            }
            print(json.dumps(row), flush=True)
            result["rows"].append(row)
            args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
