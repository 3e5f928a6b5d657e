"""Stage-two training: pairs in, a checkpoint folder out."""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from compositional_rerank.config import VERIFIER_FILE, Located, VerifierConfig
from compositional_rerank.delta import apply_delta
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.training.calibration import fit_logistic
from compositional_rerank.training.export import export
from compositional_rerank.training.network import LengthBatchSampler, build
from compositional_rerank.training.settings import TrainingSettings
from compositional_rerank.training.sources import LabelledPair
from compositional_rerank.verifier import HEAD

MIN_PAIRS = 200
# Chosen on NFCorpus dev and the pairs that docs/experiments.md names.
FUSION = Fusion(tau=0.62, width=0.02, beta=1.0, threshold=0.5)
POOLED_WEIGHT = 1 / 3


def train_verifier(
    pairs: Sequence[LabelledPair],
    start: Located,
    out: Path,
    *,
    settings: TrainingSettings | None = None,
    device: str | None = None,
) -> Path:
    """Train a verifier and write it as a checkpoint.

    The trainer is sentence-transformers': it logs, saves its state every 400 steps in ``OUT.training`` and
    goes on from there when called again after a crash or Ctrl-C. Calibration comes from held-out pairs; gate,
    penalty and the pooled share are those of the checkpoint that training starts from, or the shipped ones.

    Args:
        pairs: labelled pairs, at least 200, of both labels.
        start: base model, or a checkpoint to go on from.
        out: folder to write; must not exist.
        settings: how to train.
        device: torch device name; None picks an accelerator where there is one.

    Returns:
        ``out``.

    Raises:
        DataError: too few pairs, or one label only.
        InputError: ``out`` exists.
        FloatingPointError: the loss is not finite.
    """
    settings = settings or TrainingSettings()
    if out.exists():
        raise InputError(f"{out} exists: choose another folder, or remove it first")
    _check(pairs)
    work = out.with_name(out.name + ".training")
    order = list(pairs)
    random.Random(settings.seed).shuffle(order)
    count = max(64, round(len(order) * settings.held_out))
    held_out, training = order[:count], order[count:]
    _check(training)

    torch.manual_seed(settings.seed)
    network = build(start.base.path, settings.max_tokens, device)
    if start.folder is not None:
        tensors = load_file(start.folder / VERIFIER_FILE)
        apply_delta(network[0].auto_model, {k: v for k, v in tensors.items() if not k.startswith(HEAD)})
        network[2].linear.load_state_dict({k: tensors[HEAD + k].float() for k in ("weight", "bias")})
    _run(network, training, settings, work)
    logits = network.predict(
        [(pair.query, pair.passage) for pair in held_out],
        activation_fn=torch.nn.Identity(),
        convert_to_tensor=True,
    )
    labels = torch.tensor([float(pair.mismatch) for pair in held_out])
    slope, intercept = fit_logistic(logits.float().cpu(), labels)
    config = VerifierConfig(slope, intercept, max_tokens=256, segments=2)
    fusion, pooled_weight = FUSION, POOLED_WEIGHT
    if start.config is not None:
        fusion, pooled_weight = start.config.fusion, start.config.pooled_weight
    export(network, start.base, out, fusion=fusion, verifier=config, pooled_weight=pooled_weight)
    shutil.rmtree(work)
    return out


def _check(pairs: Sequence[LabelledPair]) -> None:
    if len(pairs) < MIN_PAIRS:
        raise DataError(f"{len(pairs)} pairs are too few to train on; give at least {MIN_PAIRS}")
    labels = {pair.mismatch for pair in pairs}
    if labels != {0, 1}:
        raise DataError(
            f"the pairs have only the label(s) {sorted(labels)}; both 0 (agrees) and 1 (mismatch) are needed"
        )


def _run(network: Any, pairs: Sequence[LabelledPair], settings: TrainingSettings, work: Path) -> None:
    from datasets import Dataset
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
        losses,
    )
    from transformers import TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint

    class StopAtNaN(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
            if "loss" in logs and not math.isfinite(float(logs["loss"])):
                raise FloatingPointError(
                    f"the loss is {logs['loss']} at step {state.global_step}: lower --learning-rate "
                    f"(now {settings.learning_rate}); the last good state is in {work}"
                )

    dataset = Dataset.from_dict(
        {
            "query": [pair.query for pair in pairs],
            "passage": [pair.passage for pair in pairs],
            "label": [float(pair.mismatch) for pair in pairs],
        }
    )
    steps = math.ceil(len(pairs) / settings.batch_size * settings.epochs)
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(work),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=min(150, max(1, steps // 10)),
        lr_scheduler_type="linear",
        weight_decay=0.01,
        bf16=torch.cuda.is_bf16_supported() if torch.cuda.is_available() else True,
        use_cpu=network.device.type == "cpu",
        logging_steps=50,
        save_steps=400,
        save_total_limit=2,
        report_to="none",
        batch_sampler=LengthBatchSampler,
        seed=settings.seed,
    )

    class StopAfter(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            control.should_training_stop |= state.global_step == settings.stop_after

    trainer = CrossEncoderTrainer(
        model=network,
        args=arguments,
        train_dataset=dataset,
        loss=losses.BinaryCrossEntropyLoss(network),
        callbacks=[StopAtNaN(), StopAfter()],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(work)) if work.is_dir() else None)
