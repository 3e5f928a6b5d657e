"""From the verifier's logits to probabilities that mean what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import torch

from compositional_rerank.errors import CheckpointError

_CLOSING = " \t\r\n\"')]\u2019\u201d"  # what may stand behind a question mark


def asks(text: str) -> bool:
    """Whether a text ends with a question mark.

    Example:
        >>> asks("Who wrote it? "), asks('He said: "Who?"'), asks("Who wrote it")
        (True, True, False)
    """
    return text.rstrip(_CLOSING).endswith(("?", "\uff1f"))


@dataclass(frozen=True)
class Calibration:
    """A curve from logits to probabilities, with a step between statements and questions.

    ``mismatch = sigmoid(above * log(1 + e^x) - below * log(1 + e^-x) + intercept + question)``, the last term
    for questions only. Source: beta calibration, Kull, Silva Filho & Flach (AISTATS 2017), whose a and b are
    ``below`` and ``above``; with both equal it is Platt's logistic curve.

    Args:
        below: slope for logits far below 0.
        above: slope for logits far above 0.
        intercept: of the curve for statements.
        question: what is added for a question.

    Raises:
        CheckpointError: a number is not finite.

    Example:
        >>> Calibration(1.0, 1.0, 0.0, 0.0).mismatch(torch.tensor([-1.0, 0.0]), ["It rains.", "Does it?"])
        tensor([0.2689, 0.5000])
    """

    below: float
    above: float
    intercept: float
    question: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in astuple(self)):
            raise CheckpointError(f"calibration wants finite numbers, got {self}")

    def mismatch(self, logits: torch.Tensor, queries: Sequence[str]) -> torch.Tensor:
        """Probabilities, float32 ``[n]``, for logits ``[n]`` on the CPU and the texts read as queries."""
        asked = torch.tensor([asks(query) for query in queries], dtype=torch.float32)
        curved = features(logits) @ torch.tensor([self.below, self.above], dtype=torch.float32)
        return torch.sigmoid(curved + self.intercept + self.question * asked)


def features(logits: torch.Tensor) -> torch.Tensor:
    """float32 ``[n, 2]``: what ``below`` and ``above`` are multiplied by, for logits ``[n]``."""
    softplus = torch.nn.functional.softplus
    return torch.stack([-softplus(-logits.float()), softplus(logits.float())], dim=1)
