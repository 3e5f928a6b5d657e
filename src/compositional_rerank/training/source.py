"""Source: one source of training data in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compositional_rerank.training.near_misses import EDIT_TYPES


@dataclass(frozen=True)
class Source:
    """One source of training pairs.

    Args:
        name: how the model card calls it.
        kind: how rows become pairs, one of the functions of `training.builders`.
        rows: pairs to draw; more than the source has means that it is read again with other random choices.
        licence: licence of the texts, as their publisher states it.
        path: file below the data folder; None for sources that this package generates.
        field: which field of a row holds the sentences, for kind ``edits``.
        families: for kinds ``templates`` and ``reworded``: only families whose name begins with one of these.
        edit_types: for the same kinds: only near-misses of these types; all by default.
    """

    name: str
    kind: str
    rows: int
    licence: str
    path: str | None = None
    field: str | None = None
    families: Sequence[str] = ()
    edit_types: Sequence[str] = EDIT_TYPES
