"""The structural part of stage one: a small network over the base model's own layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from sentence_transformers.base.modules.module import Module
from torch.nn.functional import normalize

from compositional_rerank.errors import CheckpointError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from compositional_rerank.checkpoints.config import StructuralConfig

_HEADS = 4


class StructuralPart(Module):
    """Last module of an embedding model: appends the structural part to the vector that came so far.

    It reads the token vectors of some layers of the base model, which has computed them already, with a small
    Transformer. The part of a text of more than ``longest`` tokens is zero: its vector stays the base's.

    Args:
        hidden: components of the base's token vectors and of its vector.
        layers: which of its layers are read; 0 is the word embeddings.
        dimension: components of the part.
        width: of the small Transformer.
        depth: layers of it.
        longest: longest text that is read, in tokens with the special ones.
        sensitivity: weight of the part, 0 or more.
    """

    config_keys: list[str] = [  # noqa: RUF012, declared so by the base class
        "hidden",
        "layers",
        "dimension",
        "width",
        "depth",
        "longest",
        "sensitivity",
    ]

    def __init__(
        self,
        hidden: int,
        layers: Sequence[int],
        dimension: int,
        width: int,
        depth: int,
        longest: int,
        sensitivity: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hidden, self.layers, self.dimension = hidden, list(layers), dimension
        self.width, self.depth, self.longest, self.sensitivity = width, depth, longest, sensitivity
        self.norms = torch.nn.ModuleList([torch.nn.LayerNorm(hidden) for _ in self.layers])
        self.reader = torch.nn.Linear(hidden * len(self.layers), width)
        self.encoder = torch.nn.ModuleList(
            [
                torch.nn.TransformerEncoderLayer(
                    width, _HEADS, 2 * width, dropout=0, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(depth)
            ]
        )
        self.norm = torch.nn.LayerNorm(width)
        self.head = torch.nn.Linear(2 * width, dimension, bias=False)
        self.skip = torch.nn.Linear(hidden, dimension, bias=False)
        torch.nn.init.normal_(self.head.weight, std=0.01)  # at first the vector is nearly the base's
        torch.nn.init.zeros_(self.skip.weight)

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add ``base_embedding`` and put it, followed by the part, into ``sentence_embedding``.

        Args:
            features: of the base model: ``sentence_embedding`` float ``[n, hidden]``; for every layer of
                ``all_layer_embeddings`` float ``[n, T, hidden]``; ``attention_mask`` int ``[n, T]``.
        """
        base = normalize(features["sentence_embedding"].float(), dim=-1)
        mask = features["attention_mask"].bool()
        part = base.new_zeros(len(base), self.dimension)
        short = mask.sum(dim=1) <= self.longest
        if bool(short.any()):
            mask = mask[short, : self.longest]  # padding is on the right of a short text
            states = [features["all_layer_embeddings"][n][short, : self.longest] for n in self.layers]
            part[short] = self._read(states, mask, base[short])
        vectors = normalize(torch.cat([base, self.sensitivity * part], dim=-1), dim=-1)
        return {**features, "base_embedding": base, "sentence_embedding": vectors}

    def _read(self, states: list[torch.Tensor], mask: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
        tokens = self.reader(torch.cat([norm(x) for norm, x in zip(self.norms, states, strict=True)], dim=-1))
        for layer in self.encoder:
            tokens = layer(tokens, src_key_padding_mask=~mask)
        tokens, kept = self.norm(tokens), mask.unsqueeze(-1)
        mean = (tokens * kept).sum(dim=1) / kept.sum(dim=1)
        most = tokens.masked_fill(~kept, -torch.inf).amax(dim=1)  # in a mean, one other word is one in many
        part: torch.Tensor = (self.skip(base) + self.head(torch.cat([mean, most], dim=-1))).float()
        return part

    def get_embedding_dimension(self) -> int:
        """Components of the base's vector and of the part together."""
        return self.hidden + self.dimension

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write settings and weights into a folder, as every module of sentence-transformers does."""
        self.save_config(output_path)
        self.save_torch_weights(output_path, safe_serialization=safe_serialization)

    @classmethod
    def load(  # type: ignore[override]  # the hub's arguments are among kwargs
        cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any
    ) -> StructuralPart:
        """Read what `save` has written."""
        part = cls(**cls.load_config(model_name_or_path, subfolder))
        cls.load_torch_weights(model_name_or_path, subfolder, model=part)
        return part


def append_part(model: SentenceTransformer, config: StructuralConfig, sensitivity: float) -> StructuralPart:
    """Append an untrained part to an embedding model, in place.

    Raises:
        CheckpointError: the model is not made of layers whose token vectors it shows, or has fewer of them.
    """
    inner: Any = getattr(model[0], "auto_model", None)
    count = int(getattr(getattr(inner, "config", None), "num_hidden_layers", 0))
    hidden = int(inner.config.hidden_size) if count >= max(config.layers) else 0
    if not hidden or model.get_embedding_dimension() != hidden:
        raise CheckpointError(
            f"a structural part over the layers {config.layers} does not fit this base model of {count} "
            "layers: its vectors must be pooled token vectors of a Transformer"
        )
    inner.config.output_hidden_states = True
    part = StructuralPart(
        hidden, config.layers, config.dimension, config.width, config.depth, config.longest, sensitivity
    ).to(model.device)
    model.append(part)
    return part


def load_part(
    model: SentenceTransformer, weights: Path, config: StructuralConfig, sensitivity: float
) -> None:
    """Append a checkpoint's structural part to its base model, in place.

    Raises:
        CheckpointError: the file is damaged, or fits another base model or other settings.
    """
    from safetensors.torch import load_file

    part = append_part(model, config, sensitivity).float()  # the process's default dtype may be another
    try:
        part.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{weights} holds no structural part for this base model: {error}; install the checkpoint again"
        ) from error
    part.eval()
