"""What the structural part learns: texts that mean the same lie together, all others at right angles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch.nn.functional import normalize, softplus

from compositional_rerank.training.settings import StructuralSettings


class StructuralLoss(torch.nn.Module):
    """Loss of a `structural.build_structural` model on the columns of `training.triples`.

    A pair of texts that do not mean the same is to have the cosine 0, whether it is a near-miss, related or
    unrelated: what is constant changes no ranking, so that the base model's decides there.

    Args:
        model: the structural part in training.
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
        columns = list(sentence_features)
        # more than the two special tokens of a blank text
        there = torch.cat([column["attention_mask"].sum(dim=1) > 2 for column in columns])
        vectors = torch.cat([self.model(dict(column))["sentence_embedding"].float() for column in columns])
        cosines = normalize(vectors, dim=-1) @ normalize(vectors, dim=-1).T

        row = torch.arange(len(labels), device=labels.device)
        anchor, positive, negative = row, row + len(row), row + 2 * len(row)
        near = labels == 1
        has_positive, has_negative = there[positive], there[negative]
        other = there.unsqueeze(0) & there.unsqueeze(1)
        other &= (row.repeat(3).unsqueeze(0) != row.repeat(3).unsqueeze(1)).to(other.device)

        def mean(values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
            return (values * which).sum() / which.sum().clamp(min=1)

        agree, differ = cosines[anchor, positive], cosines[anchor, negative]
        differ_too = cosines[positive, negative]
        weight = self.settings
        loss = weight.apart * mean(cosines**2, other)
        loss = loss + weight.together * mean((1 - agree) ** 2, near & has_positive)
        for cosine, which in (
            (agree, ~near & has_positive),
            (differ, has_negative),
            (differ_too, near & has_positive & has_negative),
        ):
            loss = loss + weight.fall * mean(cosine.relu() ** 2, which)
        both = near & has_positive & has_negative
        for cosine in (differ, differ_too):
            loss = loss + weight.rank * mean(softplus(10 * (cosine - agree + weight.margin)) / 10, both)
        return loss
