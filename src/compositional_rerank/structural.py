"""The structural part of stage one: a second encoder on the same base model, in dimensions of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError

from compositional_rerank._quiet import quiet_loading
from compositional_rerank.checkpoint import ModelFiles
from compositional_rerank.delta import apply_delta
from compositional_rerank.errors import CheckpointError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HEAD = "head."
AXES = 2  # directions of the part for texts that are too long for it: passages, queries


def build_structural(base: Path, dimension: int, device: str | None = None) -> SentenceTransformer:
    """The base model with a mean over its tokens and a linear head: texts -> float ``[n, dimension - AXES]``.

    Args:
        base: folder of a sentence-transformers model.
        dimension: components of the structural part, more than ``AXES``.
        device: torch device name; None picks an accelerator where there is one.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    with quiet_loading():
        # load() keeps the model's own max length; Transformer(path) would not
        transformer = Transformer.load(str(base), model_kwargs={"use_safetensors": True})
    hidden = int(transformer.get_embedding_dimension())
    head = Dense(hidden, dimension - AXES, bias=False, activation_function=torch.nn.Identity())
    modules = [transformer, Pooling(hidden, pooling_mode="mean"), head, Normalize()]
    model: SentenceTransformer = SentenceTransformer(modules=modules, device=device)
    return model


def apply_structural(model: SentenceTransformer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put trained weights into a `build_structural` model, in place.

    Args:
        model: the untrained model.
        tensors: a delta of the base's layers (`delta.compress_delta`) and ``head.weight``.

    Raises:
        CheckpointError: a name or shape does not fit.
    """
    delta = {name: tensor for name, tensor in tensors.items() if not name.startswith(HEAD)}
    apply_delta(cast(torch.nn.Module, model[0].auto_model), delta)
    try:
        cast(Any, model[2]).linear.load_state_dict({"weight": tensors[HEAD + "weight"].float()})
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"the structural part has no head for this base model: {error}") from error


def load_structural(
    base: ModelFiles, weights: Path, dimension: int, device: str | None = None
) -> SentenceTransformer:
    """Load the structural encoder of a checkpoint.

    Raises:
        CheckpointError: the file is damaged, or fits another base model or dimension.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights} cannot be read: {error}; install the checkpoint again") from error
    model = build_structural(base.path, dimension, device)
    apply_structural(model, tensors)
    return model.eval()
