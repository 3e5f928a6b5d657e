"""Calibration: from a network's logits to probabilities that mean what they say."""

from __future__ import annotations

import torch

from compositional_rerank.errors import DataError


def fit_logistic(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
) -> tuple[float, float]:
    """Slope and intercept of the logistic curve that fits the labels best (Platt, 1999).

    Args:
        logits: float ``[n]``.
        labels: float ``[n]``, 0 or 1, both present.
        weights: float ``[n]``, how much each counts; None is 1 for all.

    Returns:
        ``(slope, intercept)``: the probability of label 1 is ``sigmoid(slope * logit + intercept)``.

    Raises:
        DataError: only one label, or a logit that is not finite.

    Example:
        >>> logits = torch.tensor([-2.0, -1.0, 1.0, 2.0] * 10)
        >>> slope, intercept = fit_logistic(logits, (torch.sigmoid(logits) > 0.3).float())
        >>> slope > 0
        True
    """
    from sklearn.linear_model import LogisticRegression

    if not bool(torch.isfinite(logits).all()):
        raise DataError("the network's logits are not finite: training diverged; lower the learning rate")
    if len(set(labels.tolist())) < 2:
        raise DataError("calibration needs pairs of both labels among the held-out ones; give more pairs")
    counts = None if weights is None else weights.numpy()
    model = LogisticRegression(C=100.0).fit(logits.numpy().reshape(-1, 1), labels.numpy(), counts)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
