"""A cross-encoder as one of the systems that an audit compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compositional_rerank._validation import check_device
from compositional_rerank.audit.metrics import Floats
from compositional_rerank.errors import CheckpointError, InputError

_CHUNK = 128  # pairs scored between two steps of the progress bar


class CrossEncoderSystem:
    """Any sentence-transformers CrossEncoder with one score for a pair.

    Args:
        name: a folder or a model name.
        device: torch device name; None picks an accelerator where there is one.

    Raises:
        ModelNotFoundError: no place has the model.
        CheckpointError: its files are unsafe or damaged.
        InputError: the model gives more than one score for a pair.
    """

    def __init__(self, name: str, device: str | None = None) -> None:
        from sentence_transformers import CrossEncoder

        from compositional_rerank.checkpoints.base_models import UNLOADABLE, resolve

        self.name = name
        folder = str(resolve(name).path)
        try:
            self.model: Any = CrossEncoder(
                folder, device=check_device(device), model_kwargs={"use_safetensors": True}
            )
        except UNLOADABLE as error:
            raise CheckpointError(f"cross-encoder {name} cannot be loaded: {error}") from error
        outputs = int(getattr(self.model, "num_labels", 1))
        if outputs != 1:
            raise InputError(
                f"cross-encoder {name} gives {outputs} scores for a pair; the audit needs one that gives 1"
            )

    def score(self, pairs: Sequence[tuple[str, str]], label: str | None = None) -> Floats:
        """Scores of n pairs, [n]; without a label no progress bar is drawn."""
        from tqdm import tqdm

        scores = np.empty(len(pairs))
        with tqdm(total=len(pairs), desc=label, unit="pair", disable=None if label else True) as bar:
            for start in range(0, len(pairs), _CHUNK):
                part = list(pairs[start : start + _CHUNK])
                scores[start : start + len(part)] = self.model.predict(part, show_progress_bar=False)
                bar.update(len(part))
        return scores
