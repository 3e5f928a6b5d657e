"""From the verifier's logits to probabilities that mean what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from compositional_rerank.errors import CheckpointError

SUPPORTS, DENIES, DIFFERS, SILENT = range(4)  # the verifier's columns
Reading = Literal["statement", "yes_no", "question", "same_question"]
READINGS: tuple[Reading, ...] = ("statement", "yes_no", "question", "same_question")
Denials = Literal["auto", "keep", "penalise"]


@dataclass(frozen=True)
class Calibration:
    """One scale and four offsets for each kind of reading: ``softmax(scale * logits + offsets)``.

    Source: bias-corrected temperature scaling, Alexandari, Kundaje & Shrikumar (ICML 2020).

    Args:
        curves: for each of `READINGS` ``(scale, four offsets)``; the scale is above 0.

    Raises:
        CheckpointError: a kind is missing, or a number is out of range.

    Example:
        >>> plain = Calibration({reading: (1.0, 0.0, 0.0, 0.0, 0.0) for reading in READINGS})
        >>> plain.probabilities(torch.zeros(1, 4), ["question"])
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    curves: dict[Reading, tuple[float, ...]]

    def __post_init__(self) -> None:
        fine = set(self.curves) == set(READINGS) and all(
            len(curve) == 5 and curve[0] > 0 and all(map(math.isfinite, curve))
            for curve in self.curves.values()
        )
        if not fine:
            raise CheckpointError(
                f"calibration wants a scale above 0 and four offsets for each of {', '.join(READINGS)}, "
                f"got {self.curves}"
            )

    def probabilities(self, logits: torch.Tensor, readings: Sequence[Reading]) -> torch.Tensor:
        """float32 ``[n, 4]``, rows adding up to 1, for logits ``[n, 4]`` on the CPU and their kinds."""
        curves = torch.tensor([self.curves[reading] for reading in readings], dtype=torch.float32)
        curves = curves.reshape(-1, 5)
        return (curves[:, :1] * logits.float() + curves[:, 1:]).softmax(dim=1)


def mismatch(
    probabilities: torch.Tensor, readings: Sequence[Reading], denials: Denials = "auto"
) -> torch.Tensor:
    """How likely a passage is a near-miss of what was asked: denials and differences.

    A "no" to a yes/no question is an answer, so that with ``"auto"`` it is none of them.

    Args:
        probabilities: float32 ``[n, 4]``, from `Calibration.probabilities`.
        readings: the ``n`` kinds.
        denials: ``"keep"`` never counts a denial, ``"penalise"`` always does.

    Returns:
        float32 ``[n]`` in [0, 1].

    Example:
        >>> denied = torch.tensor([[0.1, 0.7, 0.2, 0.0]])
        >>> mismatch(denied, ["statement"]), mismatch(denied, ["yes_no"])
        (tensor([0.9000]), tensor([0.2000]))
    """
    counted = torch.tensor(
        [denials == "penalise" or (denials == "auto" and reading != "yes_no") for reading in readings],
        dtype=torch.bool,
    )
    return (probabilities[:, DIFFERS] + torch.where(counted, probabilities[:, DENIES], 0.0)).clamp(0.0, 1.0)
