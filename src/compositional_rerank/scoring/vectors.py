"""Relevance from vectors that somebody else's store holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank.errors import InputError
from compositional_rerank.scoring.maxsim import maxsim
from compositional_rerank.scoring.tokens import PackedTokens


def vector_relevance(query_vector: Any, vectors: Any, count: int) -> list[float]:
    """Cosines, or MaxSim of several vectors a text.

    Args:
        query_vector: numbers ``[d]``, or ``[Tq, d]`` of a late-interaction model, at least one row; a list,
            an array, or a tensor on any device. Normalised here.
        vectors: for each of ``count`` passages numbers ``[d]``, or ``[T, d]``.

    Returns:
        ``count`` numbers in [-1, 1]; 0 where a vector is all zeros, -1 for a passage without a row.

    Raises:
        InputError: there are more or fewer than ``count``, shapes do not fit, or a number is not finite.

    Example:
        >>> vector_relevance([1.0, 0.0], [[2.0, 0.0], [0.0, 3.0]], 2)
        [1.0, 0.0]
        >>> vector_relevance([[1.0, 0.0]], [[[3.0, 4.0], [1.0, 0.0]]], 1)
        [1.0]
    """
    query = _array(query_vector, "query_vector")
    if isinstance(vectors, (str, bytes)) or not isinstance(vectors, Iterable):
        raise InputError(f"vectors must be a list, one for each passage, got {type(vectors).__name__}")
    rows = [_array(one, f"vectors[{place}]") for place, one in enumerate(vectors)]
    if len(rows) != count:
        raise InputError(f"vectors has {len(rows)} entries for {count} passages: pass one for each")
    if query.ndim not in (1, 2) or query.size == 0:
        raise InputError(f"query_vector must have the shape [d] or [Tq, d], got {list(query.shape)}")
    for place, row in enumerate(rows):
        if row.ndim != query.ndim or row.shape[-1] != query.shape[-1]:
            raise InputError(
                f"vectors[{place}] has the shape {list(row.shape)} and query_vector {list(query.shape)}: "
                "pass vectors of one model, one a text or several a text"
            )
    return _cosines(query, rows) if query.ndim == 1 else _maxsims(query, rows)


def _array(value: Any, what: str) -> NDArray[np.float32]:
    if isinstance(value, torch.Tensor):
        value = value.detach().float().cpu().numpy()
    try:
        found = np.array(value, dtype=np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must hold numbers, got {value!r:.60}") from error
    if not np.isfinite(found).all():
        raise InputError(f"{what} holds a number that is not finite: encode the text again")
    return found


def _normalised(rows: NDArray[np.float32]) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(rows), dim=-1)


def _cosines(query: NDArray[np.float32], rows: Sequence[NDArray[np.float32]]) -> list[float]:
    if not rows:
        return []
    cosines: list[float] = (_normalised(np.stack(rows)) @ _normalised(query)).clamp(-1.0, 1.0).tolist()
    return cosines


def _maxsims(query: NDArray[np.float32], rows: Sequence[NDArray[np.float32]]) -> list[float]:
    if not rows:
        return []
    found: list[float] = maxsim(
        _normalised(query), PackedTokens.from_list([_normalised(row) for row in rows])
    ).tolist()
    return found
