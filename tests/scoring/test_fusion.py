from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring import Fusion

FUSION = Fusion(tau=0.6, width=0.02, beta=1.0, threshold=0.5)


@given(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32), st.floats(0, 1, width=32))
def test_the_score_stays_in_its_range_and_only_falls(
    relevance: float, closeness: float, mismatch: float
) -> None:
    score = float(
        FUSION.score(torch.tensor([relevance]), torch.tensor([closeness]), torch.tensor([mismatch]))
    )
    assert -1 - FUSION.beta - 1e-6 <= score <= relevance + 1e-6


def test_a_mismatch_counts_only_where_the_gate_is_open() -> None:
    closeness = torch.tensor([0.9, 0.6, 0.1])
    scores = FUSION.score(torch.full((3,), 0.9), closeness, torch.ones(3))
    assert scores.tolist() == pytest.approx([-0.1, 0.4, 0.9], abs=1e-3)


def test_the_least_closeness_opens_the_gate_by_one_percent() -> None:
    assert float(FUSION.gate(torch.tensor(FUSION.least_closeness))) == pytest.approx(0.01, rel=1e-4)


def test_no_passages() -> None:
    assert FUSION.score(torch.zeros(0), torch.zeros(0), torch.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    "changes",
    [{"tau": 1.5}, {"tau": math.nan}, {"width": 0.0}, {"beta": -0.1}, {"beta": math.inf}, {"threshold": 1.1}],
)
def test_values_out_of_range_are_an_error(changes: dict[str, float]) -> None:
    values = {"tau": 0.6, "width": 0.02, "beta": 1.0, "threshold": 0.5, **changes}
    with pytest.raises(CheckpointError, match="fusion wants"):
        Fusion(**values)
