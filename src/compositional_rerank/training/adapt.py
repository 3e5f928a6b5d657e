"""Adapting a verifier to a user's passages: its own answers keep what it knows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from sentence_transformers import CrossEncoder

from compositional_rerank.checkpoints.config import VERIFIER_FILE
from compositional_rerank.checkpoints.locate import Located
from compositional_rerank.checkpoints.weight_delta import apply_delta
from compositional_rerank.errors import InputError
from compositional_rerank.training.export import check_new, export
from compositional_rerank.training.labelling import label
from compositional_rerank.training.network import build
from compositional_rerank.training.rows import Row
from compositional_rerank.training.trainer import claim
from compositional_rerank.training.verifier_trainer import RunSettings, train
from compositional_rerank.verification.cross_encoder import HEAD


def adapt(
    rows: Sequence[Row],
    start: Located,
    out: Path,
    *,
    settings: RunSettings,
    device: str | None,
    tell: Callable[[str], None],
) -> None:
    """Train a checkpoint's verifier further on rows of a user's passages.

    The checkpoint first answers every row itself. These answers are half of what it learns, so that it keeps
    what it knows (self-distillation: Furlanello et al., "Born-Again Neural Networks", ICML 2018). Called
    again with the same arguments after a crash or Ctrl-C, it goes on from the last saved state in
    ``OUT.training``.

    Args:
        rows: from `corpus.corpus_rows`.
        start: the checkpoint; its calibration, gate, projection and structural part are taken over.
        out: checkpoint folder to write; must not exist.
        settings: how to train.
        device: torch device name; None picks an accelerator where there is one.
        tell: called with lines on the progress.

    Raises:
        InputError: ``out`` exists, ``OUT.training`` is of another run, or ``start`` has no verifier.
        FloatingPointError: the loss is not finite.
    """
    check_new(out)
    if start.config is None:
        raise InputError(
            f"{start.name} has no verifier to adapt: pass a checkpoint of this library as --from, or leave "
            "it out for the shipped one"
        )
    work = out.with_name(out.name + ".training")
    claim(work, rows, start, settings)
    network = load_network(start, settings.max_tokens, device)
    taught = label(network, rows, work / "answers.safetensors", tell)
    train(network, rows, taught, settings, work)
    export(
        network,
        start.base,
        out,
        fusion=start.config.fusion,
        verifier=start.config.verifier,
        pooled_weight=start.config.pooled_weight,
        start=start,
    )
    shutil.rmtree(work)


def load_network(start: Located, max_tokens: int, device: str | None) -> CrossEncoder:
    """A checkpoint's verifier as a network that can be trained."""
    assert start.folder is not None
    tensors = load_file(start.folder / VERIFIER_FILE)
    network = build(start.base.path, max_tokens, device)
    layers = cast(torch.nn.Module, network[0].auto_model)
    head = cast(torch.nn.Module, network[2].linear)
    apply_delta(layers, {name: one for name, one in tensors.items() if not name.startswith(HEAD)})
    head.load_state_dict({name: tensors[HEAD + name].float() for name in ("weight", "bias")})
    return network
