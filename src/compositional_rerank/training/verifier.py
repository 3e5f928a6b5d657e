"""Stage-two training: pairs in, a checkpoint folder out."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file

from compositional_rerank.checkpoints.config import VERIFIER_FILE, VerifierConfig
from compositional_rerank.checkpoints.locate import Located
from compositional_rerank.checkpoints.weight_delta import apply_delta
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.training.calibration import fit_calibration
from compositional_rerank.training.export import export
from compositional_rerank.training.network import build
from compositional_rerank.training.settings import TrainingSettings
from compositional_rerank.training.sources import LabelledPair
from compositional_rerank.training.trainer import claim, run
from compositional_rerank.verification.cross_encoder import HEAD

MIN_PAIRS = 200
# The shipped checkpoint's, for runs that start from a base model (benchmarks/fit_gate.py).
FUSION = Fusion(tau=0.65, width=0.02, beta=0.3, threshold=0.69)
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

    The trainer is sentence-transformers'. It saves its state in ``OUT.training`` about ten times, at least
    every 400 steps; called again with the same arguments after a crash or Ctrl-C, it goes on from there.
    Calibration comes from held-out pairs; gate, penalty and the pooled share are those of the checkpoint that
    training starts from, or the shipped ones.

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
        InputError: ``out`` exists, or ``OUT.training`` is of a run with other arguments.
        FloatingPointError: the loss is not finite.
        OSError: the disk is full, or ``out`` cannot be written.
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
    _check_labels(training, "training")
    _check_labels(held_out, "held-out")
    claim(work, pairs, start, settings)

    torch.manual_seed(settings.seed)
    network = build(start.base.path, settings.max_tokens, device)
    if start.folder is not None:
        tensors = load_file(start.folder / VERIFIER_FILE)
        layers = cast(torch.nn.Module, network[0].auto_model)
        head = cast(torch.nn.Module, network[2].linear)
        apply_delta(layers, {k: v for k, v in tensors.items() if not k.startswith(HEAD)})
        head.load_state_dict({k: tensors[HEAD + k].float() for k in ("weight", "bias")})
    run(network, training, settings, work)
    logits = network.predict(
        [(pair.query, pair.passage) for pair in held_out],
        activation_fn=torch.nn.Identity(),
        convert_to_tensor=True,
    )
    labels = torch.tensor([float(pair.mismatch) for pair in held_out])
    fusion, pooled_weight, question = FUSION, POOLED_WEIGHT, 0.0
    if start.config is not None:
        fusion, pooled_weight = start.config.fusion, start.config.pooled_weight
        question = start.config.verifier.calibration.question
    queries = [pair.query for pair in held_out]
    calibration = fit_calibration(logits.float().cpu(), labels, queries, question=question)
    config = VerifierConfig(calibration, max_tokens=256, segments=2)
    export(network, start.base, out, fusion=fusion, verifier=config, pooled_weight=pooled_weight, start=start)
    shutil.rmtree(work)
    return out


def _check(pairs: Sequence[LabelledPair]) -> None:
    if len(pairs) < MIN_PAIRS:
        raise DataError(f"{len(pairs)} pairs are too few to train on; give at least {MIN_PAIRS}")
    _check_labels(pairs, "given")


def _check_labels(pairs: Sequence[LabelledPair], which: str) -> None:
    labels = {pair.mismatch for pair in pairs}
    if labels != {0, 1}:
        raise DataError(
            f"the {which} pairs have the label(s) {sorted(labels)}; 0 (agrees) and 1 (mismatch) are needed"
        )
