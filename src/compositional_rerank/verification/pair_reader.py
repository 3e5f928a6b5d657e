"""Runs a network on pairs of texts: tokens, batches of about equal length, and what computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Encoding, Tokenizer

from compositional_rerank._validation import check_backend
from compositional_rerank.backends.bert import PlainBert
from compositional_rerank.backends.cpu import has_fast_bfloat16
from compositional_rerank.backends.openvino import Graph
from compositional_rerank.backends.precision import full_precision
from compositional_rerank.encoding.surrogates import without_surrogates
from compositional_rerank.errors import CheckpointError

_BATCH_TOKENS = 2048  # padded tokens of a batch: the activations stay in the L3 cache
_GRAPH_LENGTHS = 16  # OpenVINO takes 1 ms more for another shape than the last and 3 ms for a new one
_FEW = 8  # pairs that are read sooner one by one than by the tokenizer's threads

Packed = Callable[[torch.Tensor, torch.Tensor, list[int]], torch.Tensor]
"""A network for pairs laid end to end: ids and token types, int64 ``[sum T]``, and the pairs' lengths."""


class PairReader:
    """Logits of pairs of short texts. Safe to share between threads.

    Args:
        folder: holds the tokenizer and the configuration.
        build: makes the network: from int64 ``[n, t]`` ids, mask and maybe token types to logits, with the
            part that may compute in bfloat16 as its attribute ``model``.
        traced: makes it of transformers' own modules, as torch's tracer asks for; None where ``build`` does.
        key: what its weights depend on.
        max_tokens: longest pair, special tokens included.
        device: torch device of the network.
        backend: ``"torch"``, in bfloat16 where the device is fast at it; or ``"openvino"``, on the CPU.
        pack: makes the network for a CPU that is fast at bfloat16, with both backends; None where it cannot.

    Raises:
        CheckpointError: the tokenizer is no fast one, the network cannot be built, or OpenVINO cannot run it.
        MissingDependencyError: OpenVINO is not installed.
    """

    def __init__(
        self,
        folder: Path,
        build: Callable[[], torch.nn.Module],
        *,
        traced: Callable[[], torch.nn.Module] | None = None,
        key: str,
        max_tokens: int,
        device: torch.device,
        backend: str = "torch",
        pack: Callable[[Any], Packed | None] = lambda network: None,
    ) -> None:
        check_backend(backend, str(device))
        self.max_tokens = max_tokens
        self._device = device
        self._tokenizer, self._pad_id, self._reads_types = _tokenizer(folder)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")
        self._lengths = 1  # a batch's length is a multiple of it
        self._network: Callable[..., torch.Tensor]
        build = cache(build)
        quick = has_fast_bfloat16(device)
        packed = pack(build()) if quick and device.type == "cpu" else None
        self._pads = packed is None
        if packed is not None:
            self._network = packed
        elif backend == "openvino":
            self._lengths = _GRAPH_LENGTHS
            names = ["input_ids", "attention_mask", *(["token_type_ids"] if self._reads_types else [])]
            self._network = Graph(f"verifier {key}", names, traced or build).run
        else:
            network: Any = build().to(device)
            if quick:
                network.model.to(torch.bfloat16)
            self._network = network

    def reads_whole(self, first: str, second: str) -> bool:
        """Whether a pair is short enough to be read to its end."""
        pair = without_surrogates(first), without_surrogates(second)
        # a token has at least one character
        return len(first) + len(second) < self.max_tokens - 3 or not (
            self._tokenizer.encode(*pair).overflowing
        )

    @full_precision
    @torch.inference_mode()
    def logits(self, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        """float32 ``[n, k]`` on the CPU for ``n`` pairs, at least one.

        A pair of more than `max_tokens` tokens loses the end of its longer text.
        """
        # Equal pairs are read once: in two batches they could differ in the last bits, and so trade places.
        places = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
        texts = [(without_surrogates(first), without_surrogates(second)) for first, second in places]
        if len(texts) <= _FEW:
            encodings = [self._tokenizer.encode(first, second) for first, second in texts]
        else:
            encodings = self._tokenizer.encode_batch(texts)
        order = sorted(range(len(places)), key=lambda index: len(encodings[index].ids))
        found: list[torch.Tensor] = []
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(encodings[order[stop]].ids) <= _BATCH_TOKENS:
                stop += 1
            found.append(self._run([encodings[index] for index in order[start:stop]]))
            start = stop
        logits = torch.cat(found)[torch.tensor(order).argsort()]
        return logits[torch.tensor([places[pair] for pair in pairs], dtype=torch.int64)]

    def _run(self, encodings: list[Encoding]) -> torch.Tensor:
        if not self._pads:
            ids = [number for row in encodings for number in row.ids]
            types = [number if self._reads_types else 0 for row in encodings for number in row.type_ids]
            return self._network(torch.tensor(ids), torch.tensor(types), [len(row.ids) for row in encodings])
        longest = max(len(encoding.ids) for encoding in encodings)
        longest += -longest % self._lengths

        def padded(rows: list[list[int]], fill: int) -> torch.Tensor:
            return torch.tensor([row + [fill] * (longest - len(row)) for row in rows], device=self._device)

        mask = padded([encoding.attention_mask for encoding in encodings], 0)
        inputs = [padded([row.ids for row in encodings], self._pad_id), mask]
        if self._reads_types:
            inputs.append(padded([row.type_ids for row in encodings], 0))
        return self._network(*inputs).float().cpu()


def _tokenizer(folder: Path) -> tuple[Tokenizer, int, bool]:
    """A private copy, the id of padding, and whether the network tells the two texts of a pair apart."""
    plain = PlainBert.find(folder)
    if plain is not None:
        return plain.tokenizer, plain.pad_id, True
    from transformers import AutoConfig, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
        own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        raise CheckpointError(f"{folder} has no fast tokenizer that can be loaded: {error}") from error
    # MPNet and RoBERTa read none, whatever their tokenizer gives
    reads_types = (
        "token_type_ids" in tokenizer.model_input_names and getattr(config, "type_vocab_size", 0) > 1
    )
    return own, tokenizer.pad_token_id or 0, reads_types
