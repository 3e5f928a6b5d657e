"""From a trained network to a checkpoint folder, whole or not at all."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from compositional_rerank.checkpoints.base_models import ModelFiles, sha256_of
from compositional_rerank.checkpoints.config import (
    PROJECTION_FILE,
    STRUCTURAL_FILE,
    VERIFIER_FILE,
    CheckpointConfig,
    StructuralConfig,
    VerifierConfig,
)
from compositional_rerank.checkpoints.locate import Located
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.checkpoints.weight_delta import compress_delta
from compositional_rerank.errors import CheckpointError, InputError
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.verification.cross_encoder import HEAD


def export(
    network: Any,
    base: ModelFiles,
    out: Path,
    *,
    fusion: Fusion,
    verifier: VerifierConfig,
    pooled_weight: float,
    start: Located | None = None,
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
        start: the checkpoint that training started from; its projection and structural part are taken over if
            it has the same base.

    Raises:
        InputError: ``out`` exists.
        CheckpointError: the base has no single model.safetensors to be recognised by, or a weight is not
            finite.
        OSError: the disk is full, or the place cannot be written.
    """
    from sentence_transformers.base.modules import Transformer

    check_new(out)
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
    with staged(out) as folder:
        write_tensors(tensors, folder / VERIFIER_FILE)
        files = {VERIFIER_FILE: sha256_of(folder / VERIFIER_FILE)}
        config = CheckpointConfig(_lasting(base), base.sha256, pooled_weight, fusion, verifier, files)
        same = start is not None and start.base.sha256 == base.sha256  # they fit no other base
        if same and start is not None and start.folder is not None and start.config is not None:
            for name in start.config.files.keys() - {VERIFIER_FILE}:
                shutil.copyfile(start.folder / name, folder / name)
                files[name] = start.config.files[name]
            config = dataclasses.replace(config, structural=start.config.structural)
        config.save(folder)


def export_structural(part: torch.nn.Module, start: Located, out: Path, structural: StructuralConfig) -> None:
    """Write a checkpoint: what ``start`` holds, with this structural part.

    Args:
        part: the trained `structural.StructuralPart`.
        start: the checkpoint whose verifier is taken over.
        out: folder to write; must not exist.
        structural: the part's settings and default sensitivity.

    Raises:
        InputError: ``out`` exists, or ``start`` is no checkpoint.
        CheckpointError: a weight is not finite in float16.
        OSError: the disk is full, or the place cannot be written.
    """
    tensors = {name: tensor.half().cpu().contiguous() for name, tensor in part.state_dict().items()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise CheckpointError("the part is not finite in float16: training diverged; lower the learning rate")
    _export_beside(start, out, STRUCTURAL_FILE, tensors, structural=structural)


def export_projection(projection: torch.Tensor, start: Located, out: Path) -> None:
    """Write a checkpoint: what ``start`` holds, with this projection of token vectors.

    Args:
        projection: float ``[hidden, dimension]``, from `training.projection.train_projection`.
        start: the checkpoint whose verifier is taken over.
        out: folder to write; must not exist.

    Raises:
        InputError: ``out`` exists, or ``start`` is no checkpoint.
        CheckpointError: a weight is not finite.
        OSError: the disk is full, or the place cannot be written.
    """
    if not bool(torch.isfinite(projection).all()):
        raise CheckpointError("the projection is not finite: training diverged")
    _export_beside(start, out, PROJECTION_FILE, {"weight": projection.half().contiguous()})


def _export_beside(
    start: Located, out: Path, name: str, tensors: dict[str, torch.Tensor], **changes: Any
) -> None:
    check_new(out)
    if start.folder is None or start.config is None:
        raise InputError(
            f"{start.name} is a base model without a verifier: train one first (train verifier --from "
            f"{start.name}), and start from that checkpoint"
        )
    with staged(out) as folder:
        for other in start.config.files:
            shutil.copyfile(start.folder / other, folder / other)
        write_tensors(tensors, folder / name)
        files = {**start.config.files, name: sha256_of(folder / name)}
        dataclasses.replace(start.config, files=files, **changes).save(folder)


def check_new(out: Path) -> None:
    """Raise `InputError` where ``out`` exists."""
    if out.exists():
        raise InputError(f"{out} exists: choose another folder, or remove it first")


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write into; renamed to ``out`` at the end, removed after an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        folder.chmod(0o755)
        yield folder
        os.rename(folder, out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_tensors(tensors: dict[str, torch.Tensor], file: Path) -> None:
    """Write a safetensors file.

    Raises:
        OSError: the disk is full, or the place cannot be written.
    """
    try:
        save_file(tensors, file)
        file.chmod(0o644)  # it is made readable for its owner alone
    except SafetensorError as error:
        raise OSError(f"{file} could not be written: {error}") from error


def _lasting(base: ModelFiles) -> str:
    """The base's name; a path that holds in every working directory where the name is a relative one."""
    relative = Path(os.path.expanduser(base.name)) == base.path and not base.path.is_absolute()
    return str(base.path.resolve()) if relative else base.name
