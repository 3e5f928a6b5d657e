"""The verifier: the base model reads query and segment together and says how likely they disagree.

It costs far more per pair than MaxSim, which is why the reranker only asks it about suspects, and only about
the segments of a suspect that meet the query best.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer

from compositional_rerank._quiet import quiet_loading
from compositional_rerank._text import without_surrogates
from compositional_rerank.checkpoint import ModelFiles
from compositional_rerank.config import VerifierConfig
from compositional_rerank.delta import apply_delta
from compositional_rerank.errors import CheckpointError

_BATCH_TOKENS = 2048  # padded tokens of a batch: the activations stay in the L3 cache
HEAD = "head."


class Verifier:
    """Mismatch probabilities of pairs of short texts. Safe to share between threads.

    The network is the base model with trained changes to its layers and a linear head over the mean of the
    token vectors of both texts.

    Args:
        base: the base model that the changes were trained on.
        weights: safetensors file with the changes and the head.
        config: calibration and window, from the checkpoint's ``config.json``.
        device: torch device of the network.

    Raises:
        CheckpointError: the weights do not fit the base model.
    """

    def __init__(self, base: ModelFiles, weights: Path, config: VerifierConfig, device: torch.device) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.config = config
        self.device = device
        with quiet_loading():
            model = AutoModel.from_pretrained(str(base.path), local_files_only=True, use_safetensors=True)
        tensors = load_file(weights)
        apply_delta(model, {name: tensor for name, tensor in tensors.items() if not name.startswith(HEAD)})
        hidden = int(model.config.hidden_size)
        self._head = torch.nn.Linear(hidden, 1)
        try:
            self._head.load_state_dict({name: tensors[HEAD + name].float() for name in ("weight", "bias")})
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(f"{weights} has no head for a hidden size of {hidden}: {error}") from error
        dtype = torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
        self._model = model.eval().requires_grad_(False).to(device, dtype)
        self._head.requires_grad_(False)
        tokenizer = AutoTokenizer.from_pretrained(str(base.path), local_files_only=True)
        self._pad_id = tokenizer.pad_token_id or 0
        self._reads_types = "token_type_ids" in tokenizer.model_input_names
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(config.max_tokens, strategy="longest_first")

    @torch.inference_mode()
    def mismatch(self, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        """How likely each second text is a near-miss of the first.

        Args:
            pairs: ``n`` pairs (segment of the query, segment of the passage). A pair of more than
                ``config.max_tokens`` tokens loses the end of its longer text.

        Returns:
            float32 ``[n]`` in [0, 1], calibrated.
        """
        if not pairs:
            return torch.zeros(0)
        # Equal pairs are read once: in two batches they could differ in the last bits, and so trade places.
        places = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
        encodings = self._tokenizer.encode_batch(
            [(without_surrogates(first), without_surrogates(second)) for first, second in places]
        )
        order = sorted(range(len(places)), key=lambda index: len(encodings[index].ids))
        logits = torch.zeros(len(places))
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(encodings[order[stop]].ids) <= _BATCH_TOKENS:
                stop += 1
            rows = order[start:stop]
            logits[rows] = self._logits([encodings[index] for index in rows])
            start = stop
        answers = torch.sigmoid(self.config.slope * logits + self.config.intercept)
        return answers[torch.tensor([places[pair] for pair in pairs], dtype=torch.int64)]

    def _logits(self, encodings: list[Encoding]) -> torch.Tensor:
        longest = max(len(encoding.ids) for encoding in encodings)

        def padded(rows: list[list[int]], fill: int) -> torch.Tensor:
            return torch.tensor([row + [fill] * (longest - len(row)) for row in rows], device=self.device)

        mask = padded([encoding.attention_mask for encoding in encodings], 0)
        inputs = {"input_ids": padded([row.ids for row in encodings], self._pad_id), "attention_mask": mask}
        if self._reads_types:
            inputs["token_type_ids"] = padded([row.type_ids for row in encodings], 0)
        hidden = self._model(**inputs).last_hidden_state
        weights = mask.unsqueeze(-1).float()
        mean = (hidden.float() * weights).sum(dim=1) / weights.sum(dim=1)
        logits: torch.Tensor = self._head(mean.cpu())
        return logits[:, 0]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; emulated, it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
