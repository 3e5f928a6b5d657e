"""What a caller decides about order and near-misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from compositional_rerank._validation import (
    DENIALS,
    NEAR_MISSES,
    ORDERS,
    SHIPPED,
    check_choice,
    check_count,
    check_threshold,
)
from compositional_rerank.errors import InputError
from compositional_rerank.scoring.calibration import Denials

Order = Literal["auto", "retriever", "mix", "relevance"]
NearMisses = Literal["penalise", "demote", "drop", "mark"]
Threshold = float | Literal["shipped"]


@dataclass(frozen=True)
class Policy:
    """What a caller decides about a ranking: see `CompositionalReranker.rerank`.

    Raises:
        InputError: a value is unknown or out of range.
    """

    order: Order = "auto"
    near_misses: NearMisses = "demote"
    threshold: Threshold = SHIPPED
    denials: Denials = "auto"
    max_verified: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.order, "order", ORDERS)
        check_choice(self.near_misses, "near_misses", NEAR_MISSES)
        check_threshold(self.threshold)
        check_choice(self.denials, "denials", DENIALS)
        check_count(self.max_verified, "max_verified", least=0)

    def without_relevance(self) -> Policy:
        """This policy where nothing tells how relevant a passage is: the order is the retriever's.

        Raises:
            InputError: the order needs a relevance.
        """
        if self.order in ("mix", "relevance"):
            raise InputError(
                f"order {self.order!r} needs a relevance, and encoder='none' makes none: pass query_vector "
                "and vectors, or order='retriever', or name an encoder"
            )
        return replace(self, order="retriever")
