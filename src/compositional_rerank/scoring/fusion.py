"""From an order and verdicts to the score that sorts: closeness, bonus, penalty, threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.policy import NearMisses, Policy

_SUREST = 1 - 1e-6  # a verifier's float32 may say 1, whose odds nothing could lower
_WIDTH = 0.04  # closeness in which the odds of a near-miss fall to 37 %


@dataclass(frozen=True)
class Fusion:
    """``score = base + bonus * lift * answered - penalty * mismatch``, less `fall` for a near-miss.

    Where a list has no near-miss, its order by relevance is as good as any, and an answer gains nothing.
    Where it has one, that stands above the answers for its words alone: `lift` says how surely.

    Args:
        least_closeness: closeness from which a passage is read, and can well be a near-miss, in [-1, 1].
        threshold: mismatch from which a passage counts as a near-miss, in [0, 1].
        bonus: of a certain answer beside a certain near-miss, in [0, 1], in units of relevance.
        penalty: of a certain mismatch, in [0, 1], in units of relevance.

    Example:
        >>> fusion = Fusion(least_closeness=0.6, threshold=0.5, bonus=0.1, penalty=0.2)
        >>> answered, mismatch = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])
        >>> fusion.score(torch.tensor([0.9, 0.3]), answered, mismatch, mismatch >= fusion.threshold)
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

    @staticmethod
    def lift(mismatch: Sequence[float | None]) -> float:
        """What multiplies the bonus in a list, in [0, 1]: how surely one of it is a near-miss.

        Example:
            >>> Fusion.lift([None, 0.1, 0.9])
            0.9
        """
        return max((one for one in mismatch if one is not None), default=0.0)

    def mismatch(self, by_text: float | None, closeness: float) -> float | None:
        """How likely a passage is a near-miss, by what its text says and by how close it is to the query.

        Near-misses have nearly the words of what was asked. What is farther away than `least_closeness` is
        more likely another passage, so its odds are divided by ``exp(distance / 0.04)``.

        Args:
            by_text: what the verifier says, in [0, 1]; None where it was not asked.
            closeness: of the passage to the query, in [-1, 1].

        Returns:
            In [0, 1], or None.

        Example:
            >>> fusion = Fusion(least_closeness=0.6, threshold=0.5, bonus=0.1, penalty=0.2)
            >>> [round(fusion.mismatch(0.9, closeness), 2) for closeness in (0.7, 0.6, 0.56, 0.5)]
            [0.9, 0.9, 0.77, 0.42]
        """
        if by_text is None or closeness >= self.least_closeness:
            return by_text
        by_text = min(by_text, _SUREST)
        chance = by_text * math.exp((closeness - self.least_closeness) / _WIDTH)
        return chance / (chance + (1 - by_text))

    def flags(self, policy: Policy, mismatch: Sequence[float | None]) -> list[bool]:
        """Which passages are near-misses by a policy's threshold; those of a None were not judged."""
        least = self.threshold if isinstance(policy.threshold, str) else policy.threshold
        return [one is not None and bool(one >= least) for one in mismatch]

    def after(
        self,
        policy: Policy,
        base: torch.Tensor,
        answered: Sequence[float],
        mismatch: Sequence[float | None],
        own: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a policy makes of an order and verdicts: the score that sorts, and what is a near-miss.

        Args:
            policy: what the caller decided.
            base: what sorts before verdicts count, float32 ``[n]`` in [-1, 1].
            answered: how likely each of the passages answers, in [0, 1].
            mismatch: how likely it is a near-miss, in [0, 1]; None where it was not judged.
            own: scores of a retriever's own, to be kept, float64 ``[n]``; None where they are not.

        Returns:
            Scores ``[n]``, and bool ``[n]``.
        """
        near_miss = torch.tensor(self.flags(policy, mismatch), dtype=torch.bool)
        wrong = torch.tensor([one or 0.0 for one in mismatch], dtype=torch.float32)
        if own is not None:
            return self.keep(own, base, wrong, near_miss, policy.near_misses), near_miss
        right = torch.tensor(answered, dtype=torch.float32) * self.lift(mismatch)
        return self.score(base, right, wrong, near_miss, policy.near_misses), near_miss

    def score(
        self,
        base: torch.Tensor,
        answered: torch.Tensor,
        mismatch: torch.Tensor,
        near_miss: torch.Tensor,
        near_misses: NearMisses = "demote",
    ) -> torch.Tensor:
        """The score that sorts, in the order of relevance or a mixed one; all tensors are of one shape.

        Args:
            base: what sorts before verdicts count, float32 in [-1, 1].
            answered: how likely a passage answers, in [0, 1], or that times the `lift`.
            mismatch: how likely it is a near-miss, in [0, 1].
            near_miss: bool, whether it counts as one.
            near_misses: ``"demote"`` and ``"drop"`` put them behind all that is none, ``"penalise"`` only
                lowers them by their mismatch, ``"mark"`` leaves them where they are.

        Returns:
            float32; of no meaning beside scores of another ``near_misses``.
        """
        score = base + self.bonus * answered
        if near_misses == "mark":
            return score
        score = score - self.penalty * mismatch
        return score if near_misses == "penalise" else torch.where(near_miss, score - self.fall, score)

    def keep(
        self,
        own: torch.Tensor,
        relevance: torch.Tensor,
        mismatch: torch.Tensor,
        near_miss: torch.Tensor,
        near_misses: NearMisses = "demote",
    ) -> torch.Tensor:
        """A retriever's own scores, lowered for near-misses and for nothing else; all of one shape.

        Args:
            own: float64, of any scale, higher is better.
            relevance: says how much of that scale a penalty is: as much as it is of the relevance's spread.
            mismatch: how likely a passage is a near-miss, in [0, 1].
            near_miss: bool, whether it counts as one.
            near_misses: as in `score`.
        """
        if near_misses == "mark" or not len(own):
            return own
        spread = float(own.max() - own.min()) or max(1.0, abs(float(own[0])))
        if near_misses == "penalise":
            share = self.penalty / max(float(relevance.max() - relevance.min()), self.penalty, 1e-6)
            return torch.where(near_miss, own - spread * share * mismatch, own)
        return torch.where(near_miss, own - 2 * spread, own)
