"""How stage one is trained; the shipped part's values are in recipes/structural.toml."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compositional_rerank.errors import InputError

METHODS = ("structural", "naive")


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Args:
        epochs: passes over the rows, above 0.
        learning_rate: peak, reached after 150 steps or a tenth of them, then falling to 0.
        batch_size: rows per step, at least 1.
        max_tokens: longest text while training; longer ones are cut.
        seed: of the draws, the order and the weights at the start.
    """

    epochs: float = 1.0
    learning_rate: float = 1e-4
    batch_size: int = 32
    max_tokens: int = 128
    seed: int = 17

    def __post_init__(self) -> None:
        checks = {
            "epochs": 0 < self.epochs < math.inf,
            "learning_rate": 0 < self.learning_rate < 1,
            "batch_size": self.batch_size >= 1,
            "max_tokens": self.max_tokens >= 8,
        }
        _refuse(self, checks)


@dataclass(frozen=True)
class StructuralSettings:
    """The structural part and what it learns: table ``[structural]`` of a recipe.

    Args:
        dimension: components that it adds to the base model's vectors, at least 1.
        width: components of its token vectors, a multiple of 4.
        depth: its layers, at least 1.
        longest: longest text in tokens that it reads, at least 8.
        sensitivity: its weight, written into the checkpoint as the one to use, in (0, 1]; trained at 1.
        follow: weight of an unlabelled pair's squared distance from the base's cosine.
        paraphrase: weight of a paraphrase's squared shortfall below the base's cosine.
        fall: weight of a near-miss's squared excess above the base's cosine less ``drop``.
        rank: weight of near-miss against paraphrase of the same anchor, with ``margin``.
        drop: how far a near-miss is to fall below the base's cosine.
        margin: how far it is to stay below the paraphrase.
    """

    dimension: int
    width: int
    depth: int
    longest: int
    sensitivity: float
    follow: float
    paraphrase: float
    fall: float
    rank: float
    drop: float
    margin: float

    def __post_init__(self) -> None:
        checks = {
            "dimension": isinstance(self.dimension, int) and self.dimension >= 1,
            "width": isinstance(self.width, int) and self.width >= 4 and self.width % 4 == 0,
            "depth": isinstance(self.depth, int) and self.depth >= 1,
            "longest": isinstance(self.longest, int) and self.longest >= 8,
            "sensitivity": 0 < self.sensitivity <= 1,
            **{
                name: 0 <= getattr(self, name) < math.inf
                for name in ("follow", "paraphrase", "fall", "rank", "drop", "margin")
            },
        }
        _refuse(self, checks)


def _refuse(settings: object, checks: dict[str, bool]) -> None:
    for name, fine in checks.items():
        if not fine:
            raise InputError(f"{name} is out of range: {getattr(settings, name)}; see docs/guides/retrain.md")
