"""A plain BERT with what is used of sentence-transformers' ``Transformer``, whose import takes seconds."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from compositional_rerank.backends.bert import PlainBert


class PlainTransformer(torch.nn.Module):
    """A plain BERT as `Modules.transformer`."""

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
