"""Fitted curves: they recover known ones, and do what a slow search would do."""

from __future__ import annotations

import pytest
import torch

from compositional_rerank.errors import DataError
from compositional_rerank.scoring.calibration import READINGS, Calibration
from compositional_rerank.training.calibration import fit_calibration


def test_a_known_curve_is_found_again() -> None:
    torch.manual_seed(1)
    logits = torch.randn(6000, 4) * 2
    truth = Calibration(dict.fromkeys(READINGS, (1.8, 0.4, -0.6, 0.2, 0.0)))
    drawn = torch.multinomial(truth.probabilities(logits, ["question"] * 6000), 1).squeeze(1)
    allowed = torch.nn.functional.one_hot(drawn, 4).bool()
    found = fit_calibration(logits, allowed, ["question"] * 6000)
    near, wanted = (one.probabilities(logits, ["question"] * 6000) for one in (found, truth))
    assert float((near - wanted).abs().mean()) < 0.03


def test_partial_labels_and_few_rows() -> None:
    torch.manual_seed(2)
    logits = torch.randn(400, 4)
    allowed = torch.tensor([[True, False, False, False], [False, True, True, True]]).repeat(200, 1)
    readings = ["statement"] * 390 + ["yes_no"] * 10
    found = fit_calibration(logits, allowed, readings)
    assert found.curves["yes_no"] == found.curves["question"] != found.curves["statement"]

    def loss(calibration: Calibration) -> float:
        rows = calibration.probabilities(logits[:390], ["statement"] * 390)
        return float(-(rows * allowed[:390]).sum(dim=1).log().mean())

    plain = Calibration(dict.fromkeys(READINGS, (1.0, 0.0, 0.0, 0.0, 0.0)))
    assert loss(found) < loss(plain)


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="no rows"):
        fit_calibration(torch.zeros(0, 4), torch.zeros(0, 4).bool(), [])
    with pytest.raises(DataError, match="not finite"):
        fit_calibration(torch.full((1, 4), torch.nan), torch.ones(1, 4).bool(), ["question"])
