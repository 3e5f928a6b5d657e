"""From a trained network to a checkpoint folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from compositional_rerank._quiet import quiet_loading
from compositional_rerank.checkpoint import ModelFiles, sha256_of
from compositional_rerank.config import VERIFIER_FILE, CheckpointConfig, VerifierConfig
from compositional_rerank.delta import compress_delta
from compositional_rerank.errors import CheckpointError, InputError
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.verifier import HEAD


def export(
    network: Any,
    base: ModelFiles,
    out: Path,
    *,
    fusion: Fusion,
    verifier: VerifierConfig,
    pooled_weight: float,
) -> None:
    """Write a checkpoint.

    The folder is written under another name beside ``out`` and renamed at the end, so that a full disk or
    Ctrl-C leaves no half checkpoint.

    Args:
        network: the trained `training.network.build` model.
        base: the base model that it was built on.
        out: folder to write; must not exist.
        fusion: gate, penalty and threshold.
        verifier: calibration and window.
        pooled_weight: share of the pooled cosine in the relevance.

    Raises:
        InputError: ``out`` exists.
        CheckpointError: the base has no single model.safetensors to be recognised by, or a weight is not
            finite.
        OSError: the disk is full, or the place cannot be written.
    """
    from sentence_transformers.base.modules import Transformer

    if out.exists():
        raise InputError(f"{out} exists: choose another folder, or remove it first")
    if base.sha256 is None:
        raise CheckpointError(f"{base.path} has no model.safetensors: save the base model in one file first")
    with quiet_loading():
        original = Transformer.load(str(base.path)).auto_model
    tensors = compress_delta(
        dict(original.named_parameters()), dict(network[0].auto_model.named_parameters())
    )
    head = network[2].linear.state_dict()
    if not all(bool(torch.isfinite(tensor).all()) for tensor in head.values()):
        raise CheckpointError("the head is not finite: training diverged; lower the learning rate")
    tensors |= {HEAD + name: tensor.detach().float().cpu().contiguous() for name, tensor in head.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        folder.chmod(0o755)
        try:
            save_file(tensors, folder / VERIFIER_FILE)
        except SafetensorError as error:
            raise OSError(f"{out} could not be written: {error}") from error
        files = {VERIFIER_FILE: sha256_of(folder / VERIFIER_FILE)}
        config = CheckpointConfig(_lasting(base), base.sha256, pooled_weight, fusion, verifier, files)
        config.save(folder)
        os.rename(folder, out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _lasting(base: ModelFiles) -> str:
    """The base's name; a path that holds in every working directory where the name is a relative one."""
    relative = Path(base.name).expanduser() == base.path and not base.path.is_absolute()
    return str(base.path.resolve()) if relative else base.name
