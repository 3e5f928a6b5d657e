"""Fitting the curve from a network's logits to probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from compositional_rerank.errors import DataError
from compositional_rerank.scoring.calibration import Calibration, asks, features


def fit_calibration(
    logits: torch.Tensor,
    labels: torch.Tensor,
    queries: Sequence[str],
    *,
    weights: torch.Tensor | None = None,
    question: float = 0.0,
) -> Calibration:
    """The calibration that fits the labels best.

    Where the two slopes cannot both rise, one slope for all logits is fitted instead.

    Args:
        logits: float ``[n]``.
        labels: float ``[n]``, 0 or 1, both present.
        queries: ``n`` texts that were read as queries.
        weights: float ``[n]``, how much each counts; None is 1 for all.
        question: the step of questions, taken where ``queries`` are all questions or all statements.

    Raises:
        DataError: only one label, or a logit that is not finite.

    Example:
        >>> logits = torch.tensor([-2.0, -1.0, 1.0, 2.0] * 10)
        >>> found = fit_calibration(logits, (torch.sigmoid(logits) > 0.3).float(), ["It rains."] * 40)
        >>> found.below > 0, found.above > 0, found.question
        (True, True, 0.0)
    """
    from sklearn.linear_model import LogisticRegression

    if not bool(torch.isfinite(logits).all()):
        raise DataError("the network's logits are not finite: training diverged; lower the learning rate")
    if len(set(labels.tolist())) < 2:
        raise DataError("calibration needs pairs of both labels among the held-out ones; give more pairs")
    asked = np.array([asks(query) for query in queries])
    both_forms = asked.any() and not asked.all()

    def fit(curve: torch.Tensor) -> tuple[list[float], float, float]:
        columns = np.column_stack([curve.numpy(), asked]) if both_forms else curve.numpy()
        counts = None if weights is None else weights.numpy()
        model = LogisticRegression(C=100.0, max_iter=1000).fit(columns, labels.numpy(), counts)
        found: list[float] = model.coef_[0].tolist()
        step = found.pop() if both_forms else question
        return found, float(model.intercept_[0]), step

    (below, above), intercept, step = fit(features(logits))
    if min(below, above) <= 0:
        (below,), intercept, step = fit(logits.unsqueeze(1))
        above = below
    if asked.all():  # the intercept is the questions', and statements are below or above it by the given step
        intercept -= step
    return Calibration(below, above, intercept, step)
