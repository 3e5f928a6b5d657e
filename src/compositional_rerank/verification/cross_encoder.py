"""The verifier: the base model reads query and evidence together and says what the one says of the other.

It costs far more per pair than MaxSim, which is why the reranker only asks it about a few passages, and only
about the sentences of a passage that meet the query best.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from compositional_rerank.backends.bert import PlainBert
from compositional_rerank.backends.packed_bert import PackedBert
from compositional_rerank.checkpoints.base_models import ModelFiles, sha256_of
from compositional_rerank.checkpoints.config import VerifierConfig
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.checkpoints.weight_delta import apply_delta
from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.calibration import READINGS, Reading
from compositional_rerank.verification.pair_reader import PairReader

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


def _by_transformers(base: ModelFiles) -> torch.nn.Module:
    from transformers import AutoModel

    with quiet_loading():
        model: torch.nn.Module = AutoModel.from_pretrained(
            str(base.path), local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    return model


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


class CheckpointVerifier:
    """The verifier of a checkpoint. Safe to share between threads.

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

    reads = frozenset(READINGS)

    def __init__(
        self,
        base: ModelFiles,
        weights: Path,
        config: VerifierConfig,
        device: torch.device,
        backend: str = "torch",
    ) -> None:
        self.config = config
        self._reader = PairReader(
            base.path,
            lambda: _Network(base, weights, PlainBert.find(base.path)),
            traced=lambda: _Network(base, weights),
            key=f"{base.fingerprint} {sha256_of(weights)}",
            max_tokens=config.max_tokens,
            device=device,
            backend=backend,
            pack=lambda network: _PackedNetwork(network) if PackedBert.fits(network.model) else None,
        )

    def reads_whole(self, first: str, second: str) -> bool:
        """Whether a pair is short enough to be read to its end."""
        return self._reader.reads_whole(first, second)

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
        return self.config.calibration.probabilities(self._reader.logits(pairs), readings)
