"""A BERT in bfloat16 for a CPU that multiplies it itself: no padding, and weights in oneDNN's own layout.

On a few short texts the library's module spends more time between its matrix products than in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import embedding, layer_norm, scaled_dot_product_attention

from compositional_rerank.backends.cpu import (
    LANES,
    few_row_counts,
    has_packed_linear,
    pack_weight,
    packed_linear,
    packed_linear_add,
)

_HIDDEN_FAR = -1e9  # what is added to a logit of attention to padding


class PackedBert:
    """The last hidden states of a BERT, of texts laid end to end. Safe to share between threads.

    The linear layers read the tokens of all texts as one matrix; only attention, in float32, is per text.

    Args:
        model: transformers' ``BertModel`` on the CPU, in float32, that `fits`; it is not changed.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        config: Any = model.config
        self._heads = int(config.num_attention_heads)
        self._eps = float(config.layer_norm_eps)
        weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}

        def norm(name: str) -> tuple[torch.Tensor, torch.Tensor]:
            return weights[f"{name}.weight"], weights[f"{name}.bias"]

        def linear(*names: str) -> tuple[torch.Tensor, torch.Tensor]:
            """Several layers of one input as one."""
            weight = torch.cat([weights[f"{name}.weight"] for name in names])
            return pack_weight(weight), torch.cat([weights[f"{name}.bias"] for name in names])

        table = "embeddings.{}_embeddings.weight".format
        self._words, self._types = weights[table("word")], weights[table("token_type")]
        self._positions = weights[table("position")]
        self._norm = norm("embeddings.LayerNorm")
        self._layers = []
        for number in range(int(config.num_hidden_layers)):
            layer = f"encoder.layer.{number}"
            attention, output = f"{layer}.attention", f"{layer}.attention.output"
            self._layers.append(
                (
                    linear(*(f"{attention}.self.{name}" for name in ("query", "key", "value"))),
                    linear(f"{output}.dense"),
                    norm(f"{output}.LayerNorm"),
                    linear(f"{layer}.intermediate.dense"),
                    linear(f"{layer}.output.dense"),
                    norm(f"{layer}.output.LayerNorm"),
                )
            )

    @staticmethod
    def fits(model: torch.nn.Module) -> bool:
        """Whether this torch and this model are what `PackedBert` was written for."""
        config: Any = model.config
        return (
            has_packed_linear()
            and config.model_type == "bert"
            and config.hidden_act == "gelu"
            and getattr(config, "position_embedding_type", "absolute") == "absolute"
            and not config.is_decoder
        )

    @torch.inference_mode()
    def __call__(self, ids: torch.Tensor, types: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """bfloat16 ``[sum T, hidden]``.

        Args:
            ids: int64 ``[sum T]``, the texts' token ids end to end.
            types: int64 ``[sum T]``, their token types.
            lengths: how many tokens each text has, at least 1.
        """
        longest = max(lengths)
        longest += -longest % LANES  # attention is faster over whole registers
        places = torch.arange(longest)
        mine = places < torch.tensor(lengths).unsqueeze(1)
        packed = mine.flatten().nonzero().squeeze(1)  # where the tokens are among the padded ones
        count = len(packed)
        fill = few_row_counts(count) - count  # the first token again; nobody looks at it
        ids, types, packed = (torch.cat([row, row[:1].expand(fill)]) for row in (ids, types, packed))
        padded = mine.flatten().cumsum(0).sub_(1)  # which token is there; padding repeats the one before it
        mask = torch.zeros(mine.shape, dtype=torch.float32).masked_fill_(~mine, _HIDDEN_FAR)[:, None, None]
        shape = (len(lengths), longest, 3, self._heads, -1)
        hidden = embedding(ids, self._words) + embedding(types, self._types)
        hidden += embedding(packed % longest, self._positions)
        hidden = self._normalised(hidden, self._norm)
        for inputs, out, norm, wide, narrow, last_norm in self._layers:
            rows = packed_linear(hidden, *inputs).index_select(0, padded).float()
            query, key, value = rows.view(shape).permute(2, 0, 3, 1, 4)
            met = scaled_dot_product_attention(query, key, value, attn_mask=mask)
            met = met.transpose(1, 2).reshape(len(padded), -1).index_select(0, packed).to(hidden.dtype)
            hidden = self._normalised(packed_linear_add(met, hidden, *out), norm)
            inner = packed_linear(hidden, *wide, "gelu")
            hidden = self._normalised(packed_linear_add(inner, hidden, *narrow), last_norm)
        return hidden[:count]

    def _normalised(self, rows: torch.Tensor, norm: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return layer_norm(rows, rows.shape[-1:], *norm, eps=self._eps)
