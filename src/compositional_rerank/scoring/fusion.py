"""From relevance, closeness and mismatch to the score that sorts: gate, penalty, thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from compositional_rerank.errors import CheckpointError

_OPEN = 0.01  # below this share of the penalty nobody sees a difference


@dataclass(frozen=True)
class Fusion:
    """``score = relevance - beta * gate(closeness) * mismatch``.

    The gate is a logistic step around ``tau``: a passage whose words are not close to the query's, both ways,
    cannot be a near-miss of it, so the verifier is neither asked nor heard there.

    Args:
        tau: closeness at which the gate is half open, in [-1, 1].
        width: closeness from half open to 73 % open, above 0.
        beta: penalty of a certain near-miss, at least 0, in units of relevance.
        threshold: mismatch from which a passage counts as a near-miss, in [0, 1].

    Example:
        >>> fusion = Fusion(tau=0.6, width=0.02, beta=1.0, threshold=0.5)
        >>> near, far = torch.tensor([0.9, 0.9]), torch.tensor([0.2, 0.2])
        >>> mismatch = torch.tensor([1.0, 0.0])
        >>> [round(score, 3) for score in fusion.score(near, near, mismatch).tolist()]
        [-0.1, 0.9]
        >>> [round(score, 3) for score in fusion.score(near, far, mismatch).tolist()]
        [0.9, 0.9]
    """

    tau: float
    width: float
    beta: float
    threshold: float

    def __post_init__(self) -> None:
        values = (self.tau, self.width, self.beta, self.threshold)
        in_range = -1 <= self.tau <= 1 and self.width > 0 and self.beta >= 0 and 0 <= self.threshold <= 1
        if not (all(math.isfinite(value) for value in values) and in_range):
            raise CheckpointError(
                f"fusion wants tau in [-1, 1], width > 0, beta >= 0 and threshold in [0, 1], got {self}"
            )

    @property
    def least_closeness(self) -> float:
        """Closeness from which the gate is open by 1 %: what lies below is not verified."""
        return self.tau + self.width * math.log(_OPEN / (1 - _OPEN))

    def gate(self, closeness: torch.Tensor) -> torch.Tensor:
        """How far the verifier counts, in [0, 1], same shape as ``closeness``."""
        return torch.sigmoid((closeness - self.tau) / self.width)

    def score(self, relevance: torch.Tensor, closeness: torch.Tensor, mismatch: torch.Tensor) -> torch.Tensor:
        """The score that sorts, in [-1 - beta, 1]; all of one shape, ``mismatch`` in [0, 1]."""
        return relevance - self.beta * self.gate(closeness) * mismatch
