"""What the structural part learns: near-misses fall, everything else keeps the base model's similarity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch.nn.functional import softplus

from compositional_rerank.training.settings import StructuralSettings


class StructuralLoss(torch.nn.Module):
    """Loss of an embedding model with a `structural.StructuralPart` on the columns of `training.triples`.

    Args:
        model: the model in training.
        settings: how much each part of the loss counts.
    """

    def __init__(self, model: SentenceTransformer, settings: StructuralSettings) -> None:
        super().__init__()
        self.model = model
        self.settings = settings

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: torch.Tensor) -> torch.Tensor:
        """Loss of a batch.

        Args:
            sentence_features: tokenised anchors, positives and negatives, ``n`` each; blanks are left out.
            labels: int ``[n]``, `TrainingTriple.near_miss`.
        """
        outputs = [self.model(dict(column)) for column in sentence_features]
        # more than the two special tokens of a blank text
        there = torch.cat([output["attention_mask"].sum(dim=1) > 2 for output in outputs])
        vectors = torch.cat([output["sentence_embedding"].float() for output in outputs])
        base = torch.cat([output["base_embedding"].float() for output in outputs])
        after, before = vectors @ vectors.T, base @ base.T

        row = torch.arange(len(labels), device=labels.device)
        anchor, positive, negative = row, row + len(row), row + 2 * len(row)
        near = labels == 1
        has_positive, has_negative = near & there[positive], near & there[negative]
        both = has_positive & has_negative
        rows, labelled = row.repeat(3), near.repeat(3)
        free = there.unsqueeze(0) & there.unsqueeze(1)
        free &= (rows.unsqueeze(0) != rows.unsqueeze(1)) | ~labelled.unsqueeze(0)
        share = free * (0.1 + before.clamp(min=0))  # the order of close texts is what a ranking shows

        def mean(values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
            return (values * which).sum() / which.sum().clamp(min=1)

        weight = self.settings
        agree, agreed = after[anchor, positive], before[anchor, positive]
        loss = weight.follow * (share * (after - before) ** 2).sum() / share.sum().clamp(min=1e-6)
        loss = loss + weight.paraphrase * mean((agreed - agree).relu() ** 2, has_positive)
        for first, which in ((anchor, has_negative), (positive, both)):
            differ, target = after[first, negative], (before[first, negative] - weight.drop).clamp(min=0)
            loss = loss + weight.fall * mean((differ - target).relu() ** 2, which)
            loss = loss + weight.rank * mean(softplus(10 * (differ - agree + weight.margin)) / 10, both)
        return loss
