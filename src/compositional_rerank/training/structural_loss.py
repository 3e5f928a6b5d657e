"""What the structural part learns: near-misses fall, what is merely related fades, the rest is the base's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch.nn.functional import normalize, softplus

from compositional_rerank.training.settings import StructuralSettings


class StructuralLoss(torch.nn.Module):
    """Loss of a `structural.build_structural` model on the columns of `training.triples`.

    Unlabelled pairs are to have the third power of the base's cosine: content still tells, but what is far
    apart fades, so that the base's ranking of it stays. A paraphrase keeps at least the base's cosine, a
    near-miss is to have none.

    Args:
        model: the structural part in training.
        base: the base model, which stays as it is.
        settings: how much each part of the loss counts.
    """

    def __init__(
        self, model: SentenceTransformer, base: SentenceTransformer, settings: StructuralSettings
    ) -> None:
        super().__init__()
        self.model = model
        self._base = (base.eval().requires_grad_(False),)  # in a tuple: no module to train or to save
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
        cosines = _cosines(self.model, columns)
        with torch.no_grad():
            before = _cosines(self._base[0], columns).relu()

        row = torch.arange(len(labels), device=labels.device)
        anchor, positive, negative = row, row + len(row), row + 2 * len(row)
        near = labels == 1
        has_positive, has_negative = near & there[positive], near & there[negative]
        rows, labelled = row.repeat(3), near.repeat(3)
        free = there.unsqueeze(0) & there.unsqueeze(1)
        free &= (rows.unsqueeze(0) != rows.unsqueeze(1)) | ~labelled.unsqueeze(0)
        share = free * (0.1 + before)  # the close ones are what a ranking shows

        def mean(values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
            return (values * which).sum() / which.sum().clamp(min=1)

        agree, both = cosines[anchor, positive], has_positive & has_negative
        weight = self.settings
        loss = weight.follow * (share * (cosines - before**3) ** 2).sum() / share.sum().clamp(min=1e-6)
        loss = loss + weight.together * mean((before[anchor, positive] - agree).relu() ** 2, has_positive)
        for first, which in ((anchor, has_negative), (positive, both)):
            differ = cosines[first, negative]
            loss = loss + weight.fall * mean(differ.relu() ** 2, which)
            loss = loss + weight.rank * mean(softplus(10 * (differ - agree + weight.margin)) / 10, both)
        return loss


def _cosines(model: Any, columns: list[dict[str, Any]]) -> torch.Tensor:
    vectors = normalize(torch.cat([model(dict(c))["sentence_embedding"].float() for c in columns]), dim=-1)
    return vectors @ vectors.T
