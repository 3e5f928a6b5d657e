"""What the verifier says of many pairs, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.metrics import Floats
from compositional_rerank.results import Verdict

SILENT = "silent"
EXPECTED = ("supports", "denies", "differs", SILENT)  # what a record may expect
NOT_JUDGED = "not_judged"

Names = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts of n pairs; all arrays have one shape, [n] or whatever `reshape` made of it.

    Attributes:
        names: `supports`, `denies`, `differs`, `silent`, or `not_judged` where a pair cannot be judged.
        support: probability of `supports`, in [0, 1]; NaN where a pair cannot be judged.
        denial: probability of `denies`, likewise.
        mismatch: probability of a near-miss, likewise.
    """

    names: Names
    support: Floats
    denial: Floats
    mismatch: Floats

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Verdicts:
        """The verdicts of a reranker.

        Example:
            >>> found = Verdicts.of([Verdict(), Verdict(None, 0.1, 0.2, 0.3)])
            >>> found.names.tolist(), found.mismatch.tolist()
            (['not_judged', 'silent'], [nan, 0.3])
        """
        names = [NOT_JUDGED if one.mismatch is None else one.verdict or SILENT for one in verdicts]
        numbers = np.array(
            [(one.support, one.denial, one.mismatch) for one in verdicts], dtype=np.float64
        ).reshape(-1, 3)
        return cls(np.array(names, dtype=np.str_), *numbers.T)

    def reshape(self, *shape: int) -> Verdicts:
        """The same verdicts in another shape."""
        numbers = (self.support, self.denial, self.mismatch)
        return Verdicts(self.names.reshape(shape), *(column.reshape(shape) for column in numbers))


def shares(names: Names, among: Sequence[str]) -> dict[str, float | int | None]:
    """How many names there are, and the share of each of some.

    Args:
        names: n names.
        among: the names to count.

    Returns:
        `n`, and for each name its share in [0, 1]; None where n is 0.

    Example:
        >>> shares(np.array(["supports", "silent"]), ["supports", "denies"])
        {'n': 2, 'supports': 0.5, 'denies': 0.0}
    """
    found: dict[str, float | int | None] = {"n": len(names)}
    return found | {name: float((names == name).mean()) if len(names) else None for name in among}
