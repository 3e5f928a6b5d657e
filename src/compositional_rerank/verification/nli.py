"""A cross-encoder trained on natural language inference as the verifier."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import torch
from safetensors import SafetensorError

from compositional_rerank.checkpoints.base_models import ModelFiles
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.calibration import Reading
from compositional_rerank.verification.forms import content_words
from compositional_rerank.verification.pair_reader import PairReader

_LABELS = ("entailment", "contradiction", "neutral")
_MAX_TOKENS = 256  # as the shipped verifier; windows are shorter
_WORD = re.compile(r"[a-z]+")
_SHORT = 2  # position numbers that RoBERTa and MPNet do not use


class _Classifier(torch.nn.Module):
    """A sequence classifier, from ids, mask and maybe token types to its logits."""

    def __init__(self, files: ModelFiles) -> None:
        from transformers import AutoModelForSequenceClassification

        super().__init__()
        try:
            with quiet_loading():
                self.model = AutoModelForSequenceClassification.from_pretrained(
                    str(files.path), local_files_only=True, use_safetensors=True, dtype=torch.float32
                )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            raise CheckpointError(f"{files.path} cannot be loaded as a cross-encoder: {error}") from error
        self.eval().requires_grad_(False)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits: torch.Tensor = self.model(
            input_ids=input_ids, attention_mask=attention_mask, **types
        ).logits.float()
        return logits


class NliVerifier:
    """Verdicts from entailment, contradiction and neutral. Safe to share between threads.

    The evidence is the premise, the query the hypothesis. Entailment is ``"supports"``, contradiction
    ``"denies"``. Neutral is ``"differs"`` as far as the evidence has the query's words, else silence: see
    `same_words`. Such models have learnt statements, so that questions get no verdict.

    Args:
        files: a transformers model for sequence classification, from `base_models.resolve`.
        device: torch device of the network.
        backend: ``"torch"`` or ``"openvino"``, as for `CheckpointVerifier`.

    Raises:
        CheckpointError: it is no such model, its labels are not understood, or OpenVINO cannot run it.
        MissingDependencyError: OpenVINO is not installed.
    """

    reads: frozenset[Reading] = frozenset({"statement"})

    def __init__(self, files: ModelFiles, device: torch.device, backend: str = "torch") -> None:
        config = _config(files)
        self._columns = _columns(files, config)
        positions = int(config.get("max_position_embeddings") or _MAX_TOKENS + _SHORT)
        self.max_tokens = min(_MAX_TOKENS, positions - _SHORT)
        self._reader = PairReader(
            files.path,
            lambda: _Classifier(files),
            key=files.fingerprint,
            max_tokens=self.max_tokens,
            device=device,
            backend=backend,
        )

    def reads_whole(self, first: str, second: str) -> bool:
        """Whether a pair is short enough to be read to its end."""
        return self._reader.reads_whole(first, second)

    def probabilities(self, pairs: Sequence[tuple[str, str]], readings: Sequence[Reading]) -> torch.Tensor:
        """float32 ``[n, 4]``: supports, denies, differs, silent, of ``n`` pairs (query, evidence)."""
        if not pairs:
            return torch.zeros(0, 4, dtype=torch.float32)
        logits = self._reader.logits([(evidence, query) for query, evidence in pairs])
        entailed, contradicted, neutral = logits[:, self._columns].softmax(dim=1).unbind(dim=1)
        near = torch.tensor([same_words(*pair) for pair in pairs], dtype=torch.float32)
        return torch.stack([entailed, contradicted, neutral * near, neutral * (1 - near)], dim=1)


def same_words(query: str, evidence: str) -> float:
    """How far neutral evidence is a near-miss: 1 where it has all words of the query, 0 from half of them on.

    Example:
        >>> same_words("The drug is safe for children.", "Children get the safe drug.")
        1.0
        >>> same_words("The drug is safe for children.", "It tastes of lemon.")
        0.0
    """
    asked = content_words(query)
    if not asked:
        return 0.0
    met = len(asked & content_words(evidence)) / len(asked)
    return max(0.0, 2 * met - 1)


def _config(files: ModelFiles) -> dict[str, Any]:
    try:
        found = json.loads((files.path / "config.json").read_text("utf-8"))
        if isinstance(found, dict):
            return found
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{files.path / 'config.json'} cannot be read: {error}") from error
    raise CheckpointError(f"{files.path / 'config.json'} is no JSON object")


def _columns(files: ModelFiles, config: dict[str, Any]) -> list[int]:
    """Which outputs are entailment, contradiction and neutral, by the names in config.json."""
    names = config.get("id2label")
    if not isinstance(names, dict):
        names = {}
    found: dict[str, int] = {}
    for number, name in names.items():
        word = "".join(_WORD.findall(str(name).lower()))
        for label in _LABELS:
            if word == label and str(number).isdigit():
                found[label] = int(number)
    if len(names) != len(_LABELS) or sorted(found.values()) != [0, 1, 2]:
        what = ", ".join(map(str, names.values())) if names else "none"
        raise CheckpointError(
            f"{files.name} is no checkpoint of this library, and as a cross-encoder it has the labels: "
            f"{what:.120}; a verifier's are {', '.join(_LABELS)}, in any order. Pass a model trained on "
            "natural language inference, or name its labels under id2label in its config.json"
        )
    return [found[label] for label in _LABELS]
