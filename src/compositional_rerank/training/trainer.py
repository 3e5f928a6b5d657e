"""The run of sentence-transformers' trainer: its settings, its saved states, what stops it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from compositional_rerank.backends.cpu import has_fast_bfloat16
from compositional_rerank.checkpoints.locate import Located
from compositional_rerank.errors import InputError

_RUN_FILE = "run.json"


class StopAtNaN(TrainerCallback):
    """Stops a run whose loss is no number."""

    def __init__(self, work: Path, learning_rate: float) -> None:
        self.work = work
        self.learning_rate = learning_rate

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        loss = kwargs["logs"].get("loss", kwargs["logs"].get("train_loss", 0.0))
        if not math.isfinite(float(loss)):
            raise FloatingPointError(
                f"the loss is {loss} at step {state.global_step}: lower the learning rate "
                f"(now {self.learning_rate:g}) and remove {self.work} to start anew"
            )


def common_arguments(
    steps: float,
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    seed: int,
    work: Path,
    device: torch.device,
) -> dict[str, Any]:
    """Arguments of every run of a trainer, stage one or two; ``steps`` are those of the whole run."""
    save_steps = min(400, max(1, round(steps / 100)) * 10)
    return {
        "output_dir": str(work),
        "num_train_epochs": epochs,
        "per_device_train_batch_size": batch_size,
        "learning_rate": learning_rate,
        "warmup_steps": min(150, max(1, int(steps // 10))),
        "lr_scheduler_type": "linear",
        "weight_decay": 0.01,
        "bf16": has_fast_bfloat16(device),
        "use_cpu": device.type == "cpu",
        "logging_steps": math.gcd(50, save_steps),  # no state is saved before its losses were looked at
        "logging_nan_inf_filter": False,  # which would hide them
        "save_steps": save_steps,
        "save_total_limit": 2,
        "report_to": "none",
        "seed": seed,
    }


def claim(work: Path, rows: Sequence[Any], start: Located, settings: Any) -> None:
    """Make ``work`` the folder of this very run, or find that it is.

    Args:
        work: the folder.
        rows: training rows, dataclasses of texts and labels.
        start: what the run starts from.
        settings: dataclasses of plain values.

    Raises:
        InputError: it holds the states of a run on other pairs, from another start or with other settings.
    """
    run = {
        "pairs": hashlib.sha256(json.dumps([dataclasses.astuple(row) for row in rows]).encode()).hexdigest(),
        "base": start.base.sha256,
        "start": start.config.files if start.config else {},
        "settings": repr(settings),
    }
    file = work / _RUN_FILE
    if work.exists():
        try:
            known = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            known = None
        if known == run:
            return
        if known is not None or any(work.iterdir()):
            raise InputError(
                f"{work} holds the states of another training run (other pairs, start or settings): "
                "remove it, or write the checkpoint elsewhere"
            )
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(run), "utf-8")


def last_state(work: Path, *also: str) -> str | None:
    """The newest state that was written to its end, with the files that are ``also`` written behind it.

    The trainer itself writes trainer_state.json last.
    """
    whole = [
        file.parent
        for file in work.glob("checkpoint-*/trainer_state.json")
        if _is_json(file) and all((file.parent / name).is_file() for name in also)
    ]
    return str(max(whole, key=lambda folder: int(folder.name.split("-")[1]))) if whole else None


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text("utf-8"))
    except ValueError:
        return False
    return True
