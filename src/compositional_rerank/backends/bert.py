"""A BERT as transformers computes it, to the bit, without transformers: importing that takes seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn.functional import embedding, gelu, layer_norm, linear, scaled_dot_product_attention

_WEIGHTS = "model.safetensors"
_FILES = "config", "tokenizer_config", "sentence_bert_config", "modules", "tokenizer"
_DEFAULTS = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
_NORMALIZER = {"lowercase": "do_lower_case", "strip_accents": "strip_accents"}


class Bert(nn.Module):
    """The last hidden states of a BERT; its parameters have transformers' names.

    Args:
        config: what the model's config.json says.
        weights: by name, as many as `parameter_shapes` has, and others, which are left out.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.config = SimpleNamespace(**{**_DEFAULTS, **config})
        for name in parameter_shapes(config):
            # not nn.Linear and the like: to make them without numbers, torch imports its compiler
            *way, last = name.split(".")
            place: nn.Module = self
            for part in way:
                if part not in place._modules:
                    place.add_module(part, nn.Module())
                place = place.get_submodule(part)
            place.register_parameter(last, nn.Parameter(weights[name], requires_grad=False))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``[n, t, hidden]``, from int64 ``[n, t]`` each; token types are 0 where none are given."""
        count, longest = input_ids.shape
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        places = torch.arange(longest, device=input_ids.device).unsqueeze(0)
        table: Any = self.embeddings
        hidden = embedding(input_ids, table.word_embeddings.weight)
        hidden = hidden + embedding(types, table.token_type_embeddings.weight)
        hidden = self._norm(hidden + embedding(places, table.position_embeddings.weight), table.LayerNorm)
        mask = None
        if not bool(attention_mask.all()):
            mask = attention_mask.bool()[:, None, None, :].expand(count, 1, longest, longest)
        shape = (count, longest, self.config.num_attention_heads, -1)
        layer: Any
        for layer in self.encoder.layer.children():  # type: ignore[union-attr]
            heads, met = layer.attention.self, layer.attention.output
            query, key, value = (
                linear(hidden, one.weight, one.bias).view(shape).transpose(1, 2)
                for one in (heads.query, heads.key, heads.value)
            )
            seen = scaled_dot_product_attention(
                query, key, value, attn_mask=mask, scale=query.shape[-1] ** -0.5
            )
            seen = seen.transpose(1, 2).reshape(count, longest, -1)
            hidden = self._norm(linear(seen, met.dense.weight, met.dense.bias) + hidden, met.LayerNorm)
            wide, narrow = layer.intermediate.dense, layer.output.dense
            inner = linear(gelu(linear(hidden, wide.weight, wide.bias)), narrow.weight, narrow.bias)
            hidden = self._norm(inner + hidden, layer.output.LayerNorm)
        return hidden

    def _norm(self, rows: torch.Tensor, norm: Any) -> torch.Tensor:
        return layer_norm(rows, rows.shape[-1:], norm.weight, norm.bias, self.config.layer_norm_eps)


def parameter_shapes(config: Mapping[str, Any]) -> dict[str, list[int]]:
    """The parameters that `Bert` has, by the names of transformers."""
    wide, inner = config["hidden_size"], config["intermediate_size"]
    tables = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
    shapes = {f"embeddings.{name}_embeddings.weight": [config[size], wide] for name, size in tables.items()}
    dense = dict.fromkeys((f"attention.self.{name}" for name in ("query", "key", "value")), (wide, wide))
    dense |= {"attention.output.dense": (wide, wide), "intermediate.dense": (inner, wide)}
    dense |= {"output.dense": (wide, inner)}
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(config["num_hidden_layers"])):
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, (rows, columns) in dense.items():
            shapes |= {f"{layer}.{name}.weight": [rows, columns], f"{layer}.{name}.bias": [rows]}
    return shapes | {f"{norm}.{kind}": [wide] for norm in norms for kind in ("weight", "bias")}


class PlainBert:
    """A folder with a BERT that `Bert` computes, its tokenizer and its limits; the weights are not yet read.

    Args:
        folder: a sentence-transformers model for which `find` found that it is one.
        config: its config.json.
        tokenizer: its tokenizer, without padding and truncation.
        max_tokens: longest text in tokens, special tokens included.
        pad_id: what fills up short texts.
    """

    def __init__(
        self, folder: Path, config: dict[str, Any], tokenizer: Tokenizer, max_tokens: int, pad_id: int
    ) -> None:
        self.folder = folder
        self.config = config
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.pad_id = pad_id

    @classmethod
    def find(cls, folder: Path) -> PlainBert | None:
        """What the folder holds; None where it is something else, which transformers may be able to load."""
        try:
            config, settings, limits, modules, told = (
                json.loads((folder / f"{name}.json").read_text("utf-8")) for name in _FILES
            )
            with safe_open(folder / _WEIGHTS, "pt") as weights:
                there = {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
            normalizer = told["normalizer"]
            plain = (
                config["model_type"] == "bert"
                and config["hidden_act"] == "gelu"
                and {name: config.get(name, value) for name, value in _DEFAULTS.items()} == _DEFAULTS
                and all(there[name] == shape for name, shape in parameter_shapes(config).items())
                and config["hidden_size"] % config["num_attention_heads"] == 0
                and isinstance(config["layer_norm_eps"], float)
                and modules[0]["path"] == ""
                and modules[0]["type"].endswith(".Transformer")
                and limits == {"max_seq_length": limits["max_seq_length"], "do_lower_case": False}
                and settings["tokenizer_class"] in ("BertTokenizer", "BertTokenizerFast")
                and "model_input_names" not in settings
                and normalizer["type"] == "BertNormalizer"
                and all(normalizer[ours] == settings[theirs] for ours, theirs in _NORMALIZER.items())
                and normalizer["handle_chinese_chars"] == settings["tokenize_chinese_chars"]
            )
            if not plain:
                return None
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.no_truncation()
            pad_id = tokenizer.token_to_id(settings["pad_token"])
            if pad_id is None:
                return None
            return cls(folder, config, tokenizer, int(limits["max_seq_length"]), pad_id)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, SafetensorError):
            return None

    def network(self) -> Bert:
        """The network, in float32.

        Raises:
            SafetensorError: the file is damaged.
        """
        weights = load_file(self.folder / _WEIGHTS)
        # copies, as the tensors of the file lie at any address, and one may be changed
        tensors = {name: weights[name].to(torch.float32, copy=True) for name in parameter_shapes(self.config)}
        return Bert(self.config, tensors).eval()
