"""How to train, with the values that the shipped checkpoint was trained with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compositional_rerank.errors import InputError

METHODS = ("structural", "naive")


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the defaults are those of the shipped checkpoint.

    Args:
        epochs: passes over the pairs, above 0.
        learning_rate: peak, reached after 150 steps or a tenth of them, then falling to 0. Above 2e-4 the
            network did not leave chance level.
        batch_size: pairs per step, at least 1.
        max_tokens: longest pair while training; longer ones are cut.
        held_out: share of the pairs kept for calibration, never trained on, in (0, 0.5].
        seed: of the split, the order and the head.
        stop_after: stop after so many steps, at the learning rate that the schedule of all ``epochs`` has
            there; None goes to the end.
    """

    epochs: float = 1.0
    learning_rate: float = 1e-4
    batch_size: int = 32
    max_tokens: int = 128
    held_out: float = 0.02
    seed: int = 17
    stop_after: int | None = None

    def __post_init__(self) -> None:
        checks = {
            "epochs": 0 < self.epochs < math.inf,
            "learning_rate": 0 < self.learning_rate < 1,
            "batch_size": self.batch_size >= 1,
            "max_tokens": self.max_tokens >= 8,
            "held_out": 0 < self.held_out <= 0.5,
            "stop_after": self.stop_after is None or self.stop_after >= 1,
        }
        for name, fine in checks.items():
            if not fine:
                raise InputError(
                    f"{name} is out of range: {getattr(self, name)}; see `train verifier --help`"
                )


@dataclass(frozen=True)
class StructuralSettings:
    """The structural part and what it learns; the defaults are those of the shipped checkpoint.

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

    dimension: int = 128
    width: int = 128
    depth: int = 2
    longest: int = 32
    sensitivity: float = 0.35
    follow: float = 20.0
    paraphrase: float = 30.0
    fall: float = 1.0
    rank: float = 10.0
    drop: float = 0.3
    margin: float = 0.15

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
        for name, fine in checks.items():
            if not fine:
                raise InputError(f"{name} is out of range: {getattr(self, name)}; see docs/guides/retrain.md")
