"""Protocol Verifier: what reads a query and a piece of evidence together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from compositional_rerank.scoring.calibration import Reading


class Verifier(Protocol):
    """Says what pieces of evidence say of what is asked. Safe to share between threads."""

    @property
    def reads(self) -> frozenset[Reading]:
        """What it can judge; of anything else there is no verdict."""

    def reads_whole(self, first: str, second: str) -> bool:
        """Whether a pair is short enough to be read to its end."""

    def probabilities(self, pairs: Sequence[tuple[str, str]], readings: Sequence[Reading]) -> torch.Tensor:
        """What each second text says of the first.

        Args:
            pairs: ``n`` pairs (query, evidence). A pair that is too long loses the end of its longer text.
            readings: how each of them is read, each one of `reads`.

        Returns:
            float32 ``[n, 4]`` on the CPU: supports, denies, differs, silent; rows add up to 1.
        """
