"""Write a checkpoint's model card from its config, the recipes and the audit's JSON.

python benchmarks/model_card.py --checkpoint DIR --audit benchmarks/results/audit.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from compositional_rerank.checkpoints.config import CheckpointConfig
from compositional_rerank.training.recipe import Recipe

STAGES = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "embedder",
)
SYSTEMS = ("cosine", "against", "maxsim", "relevance", "two_stage")


def main() -> None:
    """Write README.md into the checkpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--audit", type=Path, action="append", required=True, help="audit.json of this checkpoint; repeatable"
    )
    parser.add_argument(
        "--notes", type=Path, required=True, help="Markdown: how this very checkpoint was trained"
    )
    args = parser.parse_args()
    config = CheckpointConfig.load(args.checkpoint)
    audit: dict[str, Any] = {"retrieval": {}, "near_misses": {}}
    for file in args.audit:
        found = json.loads(file.read_text("utf-8"))
        for part in audit:
            audit[part] |= found.get(part) or {}
    size = sum((args.checkpoint / name).stat().st_size for name in config.files) / 1e6
    parts = [
        "# Model card: the shipped checkpoint",
        f"Trained changes to {config.base_name} (model.safetensors sha256 `{config.base_sha256}`), "
        f"{size:.1f} MB: {', '.join(sorted(config.files))}. The base's weights are neither changed nor "
        "contained.",
        "## What it is for\n\nSaying whether a short English passage is a structural near-miss of a query: "
        "negation, role, binding, spatial, temporal, numeric and quantifier edits, changed content words. "
        "It is no fact checker and no judge of relevance. The structural part does a weaker form of the same "
        "in the pooled vectors of texts of up to 32 tokens, where `sensitivity` is above 0.",
        "## How it was trained\n\n" + args.notes.read_text("utf-8").strip(),
        "## Training data and licences\n\n" + _data(),
        f"## Gate and calibration\n\n{_numbers(config)}",
        "## Figures of the audit\n\n"
        f"From {', '.join(f'`{file.as_posix()}`' for file in args.audit)}, written by "
        "`compositional-rerank audit --backend openvino --sensitivity 0.35` on 2 CPU cores. Nothing of it "
        "was trained on; gate and calibration were fitted on samples of the sets in "
        "`benchmarks/results/fit_gate.json`.\n\n" + _retrieval(audit) + "\n\n" + _near_misses(audit),
    ]
    (args.checkpoint / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _data() -> str:
    lines = ["| stage | source | kind | pairs | licence of the source |", "|---|---|---|---|---|"]
    for stage in STAGES:
        recipe = Recipe.load(stage)
        lines += [
            f"| {stage} (seed {recipe.seed}) | {source.name} | {source.kind} | {source.rows:,} "
            f"| {source.licence} |"
            for source in recipe.sources
        ]
    return "\n".join(lines)


def _numbers(config: CheckpointConfig) -> str:
    fusion, calibration = config.fusion, config.verifier.calibration
    return (
        f"relevance = {1 - config.pooled_weight:.3f} MaxSim + {config.pooled_weight:.3f} cosine of the "
        f"pooled vectors; gate: tau {fusion.tau}, width {fusion.width}; penalty beta {fusion.beta}; "
        f"a near-miss from mismatch {fusion.threshold}; calibration: slopes {calibration.below:.3f} and "
        f"{calibration.above:.3f}, intercept {calibration.intercept:.3f}, "
        f"questions {calibration.question:+.3f}."
    )


def _retrieval(audit: dict[str, Any]) -> str:
    lines = [
        "`structural` is stage one alone with its structural part at the recommended sensitivity.\n",
        "| collection | queries | nDCG@10 cosine | structural | MaxSim | two stages |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in audit["retrieval"].items():
        values = " | ".join(f"{row[system]['ndcg@10']:.4f}" for system in SYSTEMS)
        lines.append(f"| {name} | {row['queries']} | {values} |")
    return "\n".join(lines)


def _near_misses(audit: dict[str, Any]) -> str:
    lines = [
        "| set | n | measure | cosine | structural | MaxSim | two stages | ECE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in audit["near_misses"].items():
        for measure in ("auc", "accuracy", "accuracy_anchor", "paired_accuracy", "rejection_at_5"):
            if row["two_stage"].get(measure) is None:
                continue
            values = " | ".join(f"{row[system][measure]:.3f}" for system in SYSTEMS)
            ece = row["two_stage"].get("ece")
            lines.append(
                f"| {name} | {row['n']} | {measure} | {values} | {'' if ece is None else f'{ece:.3f}'} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
