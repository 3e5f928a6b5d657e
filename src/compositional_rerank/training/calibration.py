"""Fitting the curves from a network's logits to probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from compositional_rerank.errors import DataError
from compositional_rerank.scoring.calibration import READINGS, Calibration, Reading

_PULL = (
    0.02  # of the curve's distance from "as it comes", in nats a row at distance 1: few rows move it little
)
_LEAST = 50  # rows of a reading below which its curve is that of all readings together


def fit_calibration(logits: torch.Tensor, allowed: torch.Tensor, readings: Sequence[Reading]) -> Calibration:
    """The curves under which verdicts that may be right are most probable.

    Args:
        logits: float ``[n, 4]``.
        allowed: bool ``[n, 4]``: which verdicts may be right.
        readings: the ``n`` kinds of reading.

    Raises:
        DataError: a logit is not finite, or there are no rows.

    Example:
        >>> allowed = torch.eye(4).bool().repeat(20, 1)
        >>> found = fit_calibration(allowed.float() * 2, allowed, ["statement"] * 80)
        >>> found.curves["statement"][0] > 1
        True
    """
    if not len(logits):
        raise DataError("calibration has no rows: name sets under [[calibration]] of the recipe")
    if not bool(torch.isfinite(logits).all()):
        raise DataError("the network's logits are not finite: training diverged; lower the learning rate")
    everything = _fit(logits, allowed)
    curves: dict[Reading, tuple[float, ...]] = {}
    for reading in READINGS:
        rows = torch.tensor([one == reading for one in readings])
        curves[reading] = _fit(logits[rows], allowed[rows]) if int(rows.sum()) >= _LEAST else everything
    return Calibration(curves)


def _fit(logits: torch.Tensor, allowed: torch.Tensor) -> tuple[float, ...]:
    curve = torch.zeros(5, dtype=torch.float64, requires_grad=True)  # log of the scale, four offsets
    values = logits.double()
    optimiser = torch.optim.LBFGS([curve], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        log = (curve[0].exp() * values + curve[1:]).log_softmax(dim=1)
        value = -log.masked_fill(~allowed, -torch.inf).logsumexp(dim=1).mean() + _PULL * curve.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    found = curve.detach()
    return (float(found[0].exp()), *(found[1:] - found[1:].mean()).tolist())
