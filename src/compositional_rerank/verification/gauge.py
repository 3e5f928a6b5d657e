"""The scale of closeness, which every encoder has its own of.

Two unrelated texts have a closeness of .1 with one encoder and of .7 with another. The gate is fitted on the
shipped encoder's scale, so that others are brought to it: each tells how close it finds the pairs below, and
a straight line takes its answers to those of the shipped one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from compositional_rerank.encoding.base import Encoder
from compositional_rerank.verification.evidence import closest, compare

UNRELATED, NEAR = 0.1298, 0.6613  # closeness of the pairs below with the shipped encoder
_LEAST = 0.02  # what lies between near and far with an encoder that tells them apart
_PAIRS = (  # a query, and a near-miss of it
    (
        "How long is the notice period for tenants?",
        "The landlord has to give notice six months ahead. Rent is due on the first of each month.",
    ),
    (
        "The syrup is safe for children.",
        "Adults take the syrup twice a day. It is not safe for children under twelve.",
    ),
    (
        "Which cities did the orchestra visit in spring?",
        "In autumn the orchestra visited Oslo, Turin and Prague. The concerts were sold out.",
    ),
    (
        "Can I charge the bike's battery indoors?",
        "Charge the battery of the scooter in the garage. A full charge takes three hours.",
    ),
    (
        "Who repaired the roof of the old library?",
        "The old library was painted by a firm from Leeds. Its cellar stays closed.",
    ),
    (
        "Anna lent Peter her car on Monday.",
        "On Monday Peter lent Anna his car. She brought it back with a full tank.",
    ),
    (
        "What is the upload limit in version 3.1?",
        "Since version 1.3 uploads may be up to 200 MB. Larger files are split.",
    ),
    (
        "All members voted for the budget.",
        "Some of the members voted for the budget, and the rest stayed at home.",
    ),
    (
        "Does the museum open on public holidays?",
        "The museum's shop is open on public holidays. Guided tours need a booking.",
    ),
    (
        "The river is deeper than the lake.",
        "Divers measured both last summer: the lake is deeper than the river.",
    ),
    (
        "When are wages paid to drivers?",
        "Office staff get their wages on the last day of the month, by bank transfer.",
    ),
    (
        "How much sugar goes into the lemon cake?",
        "Stir 200 g of flour into the lemon cake, and bake it for forty minutes.",
    ),
)


@dataclass(frozen=True)
class Gauge:
    """Takes an encoder's closeness to the shipped encoder's scale.

    Args:
        unrelated: mean closeness of the queries above with the passages of others.
        near: mean closeness of the queries above with their near-misses.

    Example:
        >>> gauge = Gauge(unrelated=0.7, near=0.9)
        >>> gauge.shipped(torch.tensor([0.7, 0.9])) - torch.tensor([UNRELATED, NEAR])
        tensor([0., 0.])
    """

    unrelated: float
    near: float

    @classmethod
    def of(cls, encoder: Encoder) -> Gauge:
        """Measure an encoder, unless it is the shipped one; it encodes some 300 words."""
        if encoder.shipped:
            return cls(UNRELATED, NEAR)
        queries = encoder.encode([query for query, _ in _PAIRS], task="query")
        passages = encoder.encode([passage for _, passage in _PAIRS], task="document")
        found = torch.stack([closest(passages, compare(query, passages).closeness) for query in queries])
        own = torch.eye(len(_PAIRS), dtype=torch.bool)
        return cls(float(found[~own].mean()), float(found[own].mean()))

    def shipped(self, closeness: torch.Tensor) -> torch.Tensor:
        """The same closeness on the shipped encoder's scale, in [-1, 1]."""
        if (self.unrelated, self.near) == (UNRELATED, NEAR) or self.near - self.unrelated < _LEAST:
            return closeness
        slope = (NEAR - UNRELATED) / (self.near - self.unrelated)
        return (UNRELATED + (closeness - self.unrelated) * slope).clamp(-1.0, 1.0)
