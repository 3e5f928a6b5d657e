"""From relevance and verdict to the score that sorts: gate, bonus, penalty, threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from compositional_rerank.errors import CheckpointError


@dataclass(frozen=True)
class Fusion:
    """``score = relevance + bonus * answered - penalty * mismatch``, less `fall` for a near-miss.

    Args:
        least_closeness: closeness from which a passage is read, in [-1, 1].
        threshold: mismatch from which a passage counts as a near-miss, in [0, 1].
        bonus: of a certain answer, in [0, 1], in units of relevance.
        penalty: of a certain mismatch, in [0, 1], in units of relevance.

    Example:
        >>> fusion = Fusion(least_closeness=0.6, threshold=0.5, bonus=0.1, penalty=0.2)
        >>> fusion.score(torch.tensor([0.9, 0.3]), torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]))
        tensor([-1.6000,  0.4000])
    """

    least_closeness: float
    threshold: float
    bonus: float
    penalty: float

    def __post_init__(self) -> None:
        values = (self.least_closeness, self.threshold, self.bonus, self.penalty)
        in_range = -1 <= self.least_closeness <= 1 and all(0 <= value <= 1 for value in values[1:])
        if not (all(map(math.isfinite, values)) and in_range):
            raise CheckpointError(
                "fusion wants least_closeness in [-1, 1] and threshold, bonus and penalty in [0, 1], "
                f"got {self}"
            )

    @property
    def fall(self) -> float:
        """What a near-miss loses: as relevance lies in [-1, 1], it falls behind all that is none."""
        return 2.0 + self.bonus + self.penalty

    def score(self, relevance: torch.Tensor, answered: torch.Tensor, mismatch: torch.Tensor) -> torch.Tensor:
        """The score that sorts, float32; all of one shape, ``answered`` and ``mismatch`` in [0, 1]."""
        near_miss = (mismatch >= self.threshold).float()
        return relevance + self.bonus * answered - self.penalty * mismatch - self.fall * near_miss
