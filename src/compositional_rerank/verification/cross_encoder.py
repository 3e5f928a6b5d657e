"""The verifier: the base model reads query and evidence together and says what the one says of the other.

It costs far more per pair than MaxSim, which is why the reranker only asks it about a few passages, and only
about the sentences of a passage that meet the query best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer

from compositional_rerank._validation import check_backend
from compositional_rerank.backends.bert import PlainBert
from compositional_rerank.backends.cpu import has_fast_bfloat16
from compositional_rerank.backends.openvino import Graph
from compositional_rerank.backends.packed_bert import PackedBert
from compositional_rerank.backends.precision import full_precision
from compositional_rerank.checkpoints.base_models import ModelFiles, sha256_of
from compositional_rerank.checkpoints.config import VerifierConfig
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.checkpoints.weight_delta import apply_delta
from compositional_rerank.encoding.surrogates import without_surrogates
from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.calibration import Reading

_BATCH_TOKENS = 2048  # padded tokens of a batch: the activations stay in the L3 cache
_GRAPH_LENGTHS = 16  # OpenVINO takes 1 ms more for another shape than the last and 3 ms for a new one
_FEW = 8  # pairs that are read sooner one by one than by the tokenizer's threads
HEAD = "head."
_VERDICTS = 4


class _Network(torch.nn.Module):
    """The base model with the changes, and a linear head over the mean of the token vectors of both texts."""

    def __init__(self, base: ModelFiles, weights: Path, plain: PlainBert | None = None) -> None:
        super().__init__()
        self.model: Any = _by_transformers(base) if plain is None else plain.network()
        tensors = load_file(weights)
        change = {name: tensor for name, tensor in tensors.items() if not name.startswith(HEAD)}
        apply_delta(self.model, change)
        hidden = int(self.model.config.hidden_size)
        self.head = torch.nn.Linear(hidden, _VERDICTS, dtype=torch.float32)
        try:
            self.head.load_state_dict({name: tensors[HEAD + name].float() for name in ("weight", "bias")})
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(f"{weights} has no head for a hidden size of {hidden}: {error}") from error
        self.eval().requires_grad_(False)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """float32 ``[n, 4]``: the logits of every pair, from int64 ``[n, t]`` each."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask, **types)
        if not isinstance(hidden, torch.Tensor):
            hidden = hidden.last_hidden_state
        weights = attention_mask.unsqueeze(-1).float()
        mean = (hidden.float() * weights).sum(dim=1) / weights.sum(dim=1)
        logits: torch.Tensor = self.head(mean)
        return logits


def _by_transformers(base: ModelFiles) -> Any:
    from transformers import AutoModel

    with quiet_loading():
        return AutoModel.from_pretrained(
            str(base.path), local_files_only=True, use_safetensors=True, dtype=torch.float32
        )


def _tokenizer_by_transformers(base: ModelFiles) -> tuple[Tokenizer, int, bool]:
    """A private copy, the id of padding, and whether it tells the two texts of a pair apart."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base.path), local_files_only=True)
    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    return own, tokenizer.pad_token_id or 0, "token_type_ids" in tokenizer.model_input_names


class _PackedNetwork:
    """The same for pairs laid end to end, with a BERT on a CPU that is fast at bfloat16."""

    def __init__(self, network: _Network) -> None:
        self._bert = PackedBert(network.model)
        self._head = network.head

    def __call__(self, ids: torch.Tensor, types: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        """float32 ``[n, 4]``: the logits of every pair, from int64 ``[sum T]`` each."""
        hidden = self._bert(ids, types, lengths).float()
        logits: torch.Tensor = self._head(
            torch.stack([one.mean(dim=0) for one in torch.split(hidden, lengths)])
        )
        return logits


class Verifier:
    """Probabilities of the verdicts on pairs of short texts. Safe to share between threads.

    Args:
        base: the base model that the changes were trained on.
        weights: safetensors file with the changes and the head.
        config: calibration and window, from the checkpoint's ``config.json``.
        device: torch device of the network.
        backend: ``"torch"``, in bfloat16 where the device is fast at it; or ``"openvino"``, on the CPU.
            With both, `PackedBert` runs a BERT on a CPU that is fast at bfloat16.

    Raises:
        CheckpointError: the weights do not fit the base model, or OpenVINO cannot run it.
        MissingDependencyError: OpenVINO is not installed.
    """

    def __init__(
        self,
        base: ModelFiles,
        weights: Path,
        config: VerifierConfig,
        device: torch.device,
        backend: str = "torch",
    ) -> None:
        check_backend(backend, str(device))
        self.config = config
        self.device = device
        plain = PlainBert.find(base.path)
        if plain is None:
            self._tokenizer, self._pad_id, self._reads_types = _tokenizer_by_transformers(base)
        else:
            self._tokenizer, self._pad_id, self._reads_types = plain.tokenizer, plain.pad_id, True
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(config.max_tokens, strategy="longest_first")
        self._lengths = 1  # a batch's length is a multiple of it
        self._network: Callable[..., torch.Tensor]
        build = cache(lambda: _Network(base, weights, plain))
        fast = has_fast_bfloat16(device)
        self._pads = not (fast and device.type == "cpu" and PackedBert.fits(build().model))
        if not self._pads:
            self._network = _PackedNetwork(build())
        elif backend == "openvino":
            self._lengths = _GRAPH_LENGTHS
            names = ["input_ids", "attention_mask", *(["token_type_ids"] if self._reads_types else [])]
            key = f"verifier {base.fingerprint} {sha256_of(weights)}"
            # a graph is made of transformers' own module, as torch's tracer asks for
            self._network = Graph(key, names, lambda: _Network(base, weights)).run
        else:
            network = build().to(device)
            if fast:
                network.model.to(torch.bfloat16)
            self._network = network

    def reads_whole(self, first: str, second: str) -> bool:
        """Whether a pair is short enough to be read to its end."""
        pair = without_surrogates(first), without_surrogates(second)
        # a token has at least one character
        return len(first) + len(second) < self.config.max_tokens - 3 or not (
            self._tokenizer.encode(*pair).overflowing
        )

    @full_precision
    @torch.inference_mode()
    def probabilities(self, pairs: Sequence[tuple[str, str]], readings: Sequence[Reading]) -> torch.Tensor:
        """What each second text says of the first.

        Args:
            pairs: ``n`` pairs (query, evidence). A pair of more than ``config.max_tokens`` tokens loses the
                end of its longer text.
            readings: how each of them is read, which the calibration depends on.

        Returns:
            float32 ``[n, 4]``, calibrated: supports, denies, differs, silent; rows add up to 1.
        """
        if not pairs:
            return torch.zeros(0, _VERDICTS, dtype=torch.float32)
        # Equal pairs are read once: in two batches they could differ in the last bits, and so trade places.
        places = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
        texts = [(without_surrogates(first), without_surrogates(second)) for first, second in places]
        if len(texts) <= _FEW:
            encodings = [self._tokenizer.encode(first, second) for first, second in texts]
        else:
            encodings = self._tokenizer.encode_batch(texts)
        order = sorted(range(len(places)), key=lambda index: len(encodings[index].ids))
        logits = torch.zeros(len(places), _VERDICTS, dtype=torch.float32)
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(encodings[order[stop]].ids) <= _BATCH_TOKENS:
                stop += 1
            rows = order[start:stop]
            logits[rows] = self._logits([encodings[index] for index in rows])
            start = stop
        wanted = torch.tensor([places[pair] for pair in pairs], dtype=torch.int64)
        return self.config.calibration.probabilities(logits[wanted], readings)

    def _logits(self, encodings: list[Encoding]) -> torch.Tensor:
        if not self._pads:
            ids = [number for row in encodings for number in row.ids]
            types = [number if self._reads_types else 0 for row in encodings for number in row.type_ids]
            return self._network(torch.tensor(ids), torch.tensor(types), [len(row.ids) for row in encodings])
        longest = max(len(encoding.ids) for encoding in encodings)
        longest += -longest % self._lengths

        def padded(rows: list[list[int]], fill: int) -> torch.Tensor:
            return torch.tensor([row + [fill] * (longest - len(row)) for row in rows], device=self.device)

        mask = padded([encoding.attention_mask for encoding in encodings], 0)
        inputs = [padded([row.ids for row in encodings], self._pad_id), mask]
        if self._reads_types:
            inputs.append(padded([row.type_ids for row in encodings], 0))
        return self._network(*inputs).cpu()
