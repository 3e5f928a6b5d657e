"""What the verifier learns from: verdicts that may be right, and a teacher's answers."""

from __future__ import annotations

import torch
from sentence_transformers import CrossEncoder

from compositional_rerank.training.network import VERDICTS


def verdict_loss(logits: torch.Tensor, allowed: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Mean loss of a batch.

    A row's loss is ``-log`` of the probability of all verdicts that may be right: a partial label, after
    Jin & Ghahramani (NeurIPS 2002). Where a teacher answered, half of it is the cross-entropy with its
    probabilities: Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network" (2015).

    Args:
        logits: float ``[n, 4]``.
        allowed: bool ``[n, 4]``, at least one true in a row.
        taught: float32 ``[n, 4]``, the teacher's probabilities; all 0 where it was not asked.

    Returns:
        float32, at least 0.

    Example:
        >>> allowed = torch.tensor([[True, False, True, False]])
        >>> round(float(verdict_loss(torch.zeros(1, 4), allowed, torch.zeros(1, 4))), 3)
        0.693
    """
    log = logits.float().log_softmax(dim=1)
    labelled = -log.masked_fill(~allowed, -torch.inf).logsumexp(dim=1)
    distilled = -(taught * log).sum(dim=1)
    share = 0.5 * taught.sum(dim=1)
    return ((1 - share) * labelled + share * distilled).mean()


class VerdictLoss(torch.nn.Module):
    """`verdict_loss` for sentence-transformers' trainer: a label is ``allowed`` and ``taught``, joined."""

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        inputs: list[list[str]],
        labels: list[torch.Tensor],
        prompt: str | None = None,
        task: str | None = None,
    ) -> torch.Tensor:
        """The loss of a batch of two columns of texts, and ``n`` labels float ``[8]``."""
        features = self.model.preprocess(list(zip(*inputs, strict=True)))
        features = {
            name: value.to(self.model.device) if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        logits = self.model(features)["scores"]
        both = torch.stack(labels).to(logits.device, torch.float32)
        return verdict_loss(logits, both[:, :VERDICTS] > 0, both[:, VERDICTS:])
