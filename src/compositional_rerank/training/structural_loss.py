"""What the structural part learns: near-misses fall, everything else keeps the base model's similarity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch.nn.functional import softplus

from compositional_rerank.training.settings import StructuralSettings


class StructuralLoss(torch.nn.Module):
    """Loss of a `structural.build_structural` model on the columns of `training.triples`.

    Args:
        model: the structural part in training.
        base: the base model, which stays as it is.
        weights: how much each part counts.
    """

    def __init__(
        self, model: SentenceTransformer, base: SentenceTransformer, weights: StructuralSettings
    ) -> None:
        super().__init__()
        self.model = model
        self._base = (base.eval().requires_grad_(False),)  # in a tuple: no module to train or to save
        self.weights = weights

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: torch.Tensor) -> torch.Tensor:
        """Loss of a batch.

        Args:
            sentence_features: tokenised anchors, positives and negatives, ``n`` each; blanks are left out.
            labels: int ``[n]``, `TrainingTriple.near_miss`.
        """
        columns = list(sentence_features)
        # more than the two special tokens of a blank text
        there = torch.cat([column["attention_mask"].sum(dim=1) > 2 for column in columns])
        with torch.no_grad():
            base = self._embed(self._base[0], columns)
            before = base @ base.T
        vectors = self._embed(self.model, columns)
        after = vectors @ vectors.T

        n = len(labels)
        row = torch.arange(n, device=labels.device)
        anchor, positive, negative = row, row + n, row + 2 * n
        near = labels == 1
        has_positive, has_negative = near & there[positive], near & there[negative]
        judged = torch.zeros_like(before, dtype=torch.bool)  # pairs with a label of their own
        for first, second, which in (
            (anchor, positive, near),
            (anchor, negative, near),
            (positive, negative, near),
        ):
            judged[first[which], second[which]] = True
            judged[second[which], first[which]] = True

        free = there.unsqueeze(0) & there.unsqueeze(1) & ~judged
        free.fill_diagonal_(False)
        share = free * (0.1 + before.clamp(min=0))  # the order of close texts is what a ranking shows
        parts = self.weights
        loss = parts.follow * (share * (after - before) ** 2).sum() / share.sum().clamp(min=1e-6)

        def mean(values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
            return (values * which).sum() / which.sum().clamp(min=1)

        agree, agree_before = after[anchor, positive], before[anchor, positive]
        loss = loss + parts.paraphrase * mean((agree_before - agree).relu() ** 2, has_positive)
        for first, which in ((anchor, has_negative), (positive, has_negative & has_positive)):
            differ, differ_before = after[first, negative], before[first, negative]
            target = (differ_before - parts.drop).clamp(min=0)
            loss = loss + parts.fall * mean((differ - target).relu() ** 2, which)
            gap = softplus(10 * (differ - agree + parts.margin)) / 10
            loss = loss + parts.rank * mean(gap, which & has_positive)
        return loss

    @staticmethod
    def _embed(model: Any, columns: list[dict[str, Any]]) -> torch.Tensor:
        vectors = [model(dict(column))["sentence_embedding"].float() for column in columns]
        return torch.nn.functional.normalize(torch.cat(vectors), dim=-1)
