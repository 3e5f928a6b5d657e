"""From relevance and mismatch to the score that sorts: gate, penalty, thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from compositional_rerank.errors import CheckpointError


@dataclass(frozen=True)
class Fusion:
    """``score = relevance - beta * gate(relevance) * mismatch``.

    The gate is a logistic step around ``tau``: a passage that is not close to the query cannot be a
    near-miss of it, so the verifier is neither asked nor heard there.

    Args:
        tau: relevance at which the gate is half open, in [-1, 1].
        width: relevance from half open to 73 % open, above 0.
        beta: penalty of a certain near-miss, at least 0, in units of relevance.
        threshold: mismatch from which a passage counts as a near-miss, in [0, 1].

    Example:
        >>> fusion = Fusion(tau=0.6, width=0.02, beta=1.0, threshold=0.5)
        >>> scores = fusion.score(torch.tensor([0.9, 0.8, 0.2]), torch.tensor([1.0, 0.0, 1.0]))
        >>> [round(score, 3) for score in scores.tolist()]
        [-0.1, 0.8, 0.2]
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

    def gate(self, relevance: torch.Tensor) -> torch.Tensor:
        """How far the verifier counts, in [0, 1], same shape as ``relevance``."""
        return torch.sigmoid((relevance - self.tau) / self.width)

    def suspects(self, relevance: torch.Tensor) -> torch.Tensor:
        """int64 indices ``[s]`` of the passages whose gate is open by at least 1 %: those to verify."""
        return torch.nonzero(self.gate(relevance) >= 0.01).flatten()

    def score(self, relevance: torch.Tensor, mismatch: torch.Tensor) -> torch.Tensor:
        """The score that sorts, in [-1 - beta, 1]; ``mismatch`` in [0, 1], same shape."""
        return relevance - self.beta * self.gate(relevance) * mismatch
