"""Write a checkpoint's model card from its config and the recipe that made its verifier.

python benchmarks/model_card.py --checkpoint DIR --recipe all-minilm-l6-v2
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from compositional_rerank.checkpoints.config import CheckpointConfig
from compositional_rerank.training.recipe import Recipe

PARTS = Path(__file__).with_name("model_card_parts.md")  # of those that another recipe made


def main() -> None:
    """Write README.md into the checkpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--recipe", default="all-minilm-l6-v2", help="of its verifier (all-minilm-l6-v2)")
    args = parser.parse_args()
    config, recipe = CheckpointConfig.load(args.checkpoint), Recipe.load(args.recipe)
    recipes = [recipe, *recipe.teachers().values()]
    size = sum((args.checkpoint / name).stat().st_size for name in config.files) / 1e6
    parts = [
        "# Model card: the shipped checkpoint",
        f"Trained changes to {config.base_name} (model.safetensors sha256 `{config.base_sha256}`), "
        f"{size:.1f} MB: {', '.join(sorted(config.files))}. The base's weights are neither changed nor "
        "contained.",
        "## What it is for\n\nSaying what a short piece of English evidence says of a query: it supports it, "
        "denies it, speaks of another thing in nearly its words, or says nothing of it. It is no fact "
        "checker. The structural part does a weaker form of the same in the pooled vectors of short texts, "
        "where `sensitivity` is above 0.",
        "## How it was trained\n\n" + "\n".join(map(_training, recipes)),
        *(_data(one) for one in recipes),
        PARTS.read_text("utf-8").rstrip(),
        "## Gate and calibration\n\n" + _numbers(config),
        "## Figures\n\n" + _expected(recipe),
    ]
    (args.checkpoint / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _training(recipe: Recipe) -> str:
    told = [
        f"{run.name}{f', with answers of {run.teacher}' if run.teacher else ''}: "
        + ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(run.settings).items())
        for run in recipe.runs
    ]
    return f"* `recipes/{recipe.file.name}`, on {recipe.base}. " + "; then ".join(told) + "."


def _data(recipe: Recipe) -> str:
    lines = [f"## Training data and licences: `{recipe.file.name}`\n"]
    runs = [run.name for run in recipe.runs]
    lines += [
        f"| source | kind | {' | '.join(f'rows of {run}' for run in runs)} | licence of the source |",
        "|" + "---|" * (len(runs) + 3),
    ]
    for one in recipe.sources:
        counts = " | ".join(f"{one.rows.get(run, 0):,}" for run in runs)
        lines.append(f"| {one.name} | {one.kind} | {counts} | {one.licence} |")
    return "\n".join(lines)


def _numbers(config: CheckpointConfig) -> str:
    fusion = ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(config.fusion).items())
    lines = [
        f"relevance = {1 - config.pooled_weight:.3f} MaxSim + {config.pooled_weight:.3f} cosine of the "
        f"pooled vectors; {fusion}.\n",
        "| form of the query | scale | supports | denies | differs | silent |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {form} | {' | '.join(f'{value:.3f}' for value in curve)} |"
        for form, curve in config.verifier.calibration.curves.items()
    ]
    return "\n".join(lines)


def _expected(recipe: Recipe) -> str:
    lines = ["What the recipe must measure:\n", "| figure | value | within |", "|---|---|---|"]
    lines += [f"| {one.figure} | {one.value:g} | {one.within:g} |" for one in recipe.expected]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
