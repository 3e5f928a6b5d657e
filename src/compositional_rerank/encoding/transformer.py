"""The base model's network and tokenizer: a plain BERT at once, anything else by sentence-transformers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError

from compositional_rerank.backends.bert import PlainBert
from compositional_rerank.checkpoints.base_models import ModelFiles
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.errors import CheckpointError


class PlainTransformer(torch.nn.Module):
    """A plain BERT with what is used of sentence-transformers' ``Transformer``."""

    def __init__(self, plain: PlainBert) -> None:
        super().__init__()
        self.bert = plain.network()
        self.tokenizer = SimpleNamespace(backend_tokenizer=plain.tokenizer, pad_token_id=plain.pad_id)
        self.max_seq_length = plain.max_tokens

    def get_embedding_dimension(self) -> int:
        """Components of a token vector."""
        return int(self.bert.config.hidden_size)

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"token_embeddings": self.bert(features["input_ids"], features["attention_mask"])}


def load_transformer(files: ModelFiles, *, plain: bool = True) -> Any:
    """A ``Transformer`` of sentence-transformers in float32, or a `PlainTransformer` of the same bits.

    Args:
        files: the model.
        plain: whether the second will do; importing the first takes seconds.

    Raises:
        CheckpointError: the model cannot be loaded.
    """
    try:
        found = PlainBert.find(files.path) if plain else None
        if found is not None:
            return PlainTransformer(found).eval()
        from sentence_transformers.base.modules import Transformer

        # load() keeps the checkpoint's own max length; Transformer(path) would not
        with quiet_loading():
            transformer = Transformer.load(
                str(files.path), model_kwargs={"use_safetensors": True, "dtype": torch.float32}
            )
        return transformer.eval().float()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{files.path} cannot be loaded as a text encoder: {error}") from error
