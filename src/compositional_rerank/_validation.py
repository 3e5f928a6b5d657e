"""Checks of what callers pass in, done before any work starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

from compositional_rerank.errors import InputError


def check_text(value: object, what: str) -> str:
    """Return ``value`` if it is a string, else say what it is instead."""
    if not isinstance(value, str):
        raise InputError(f"{what} must be a str, got {type(value).__name__}: {value!r:.80}")
    return value


def check_query(value: object) -> str:
    """Return a query that has something to look for in it."""
    query = check_text(value, "query")
    if not query.strip():
        raise InputError(f"query is blank ({query!r:.40}): pass the question or statement to rank by")
    return query


def check_texts(values: object, what: str) -> list[str]:
    """Return a list of strings; blank ones are allowed, a lone string is not."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InputError(
            f"{what} must be a list of str, got {type(values).__name__}: wrap a single text in a list"
        )
    return [check_text(value, f"{what}[{index}]") for index, value in enumerate(values)]


def check_count(value: object, what: str) -> int | None:
    """Return a limit that is None (no limit) or an integer of at least 1."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{what} must be an int or None, got {type(value).__name__}: {value!r:.40}")
    if value < 1:
        raise InputError(f"{what} must be at least 1, got {value}; pass None to keep all")
    return value


def check_bound(value: object, what: str, low: float, high: float) -> float | None:
    """Return a threshold that is None (no threshold) or a number in ``[low, high]``."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{what} must be a number or None, got {type(value).__name__}: {value!r:.40}")
    if not low <= value <= high:  # false for NaN, too
        raise InputError(f"{what} must be in [{low:g}, {high:g}], got {value}; pass None for no threshold")
    return float(value)


def check_retrieval_scores(values: Any, count: int) -> list[float | None]:
    """Return one retrieval score per passage: None where there was none, NaN and infinities as they came."""
    if values is None:
        return [None] * count
    if not isinstance(values, Collection) or isinstance(values, (str, bytes, Mapping, Set)):
        raise InputError(f"retrieval_scores must be a list of numbers, got {type(values).__name__}")
    if len(values) != count:
        raise InputError(
            f"retrieval_scores has {len(values)} entries for {count} passages: pass one for each"
        )
    return [_score(value, index) for index, value in enumerate(values)]


def _score(value: Any, index: int) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"retrieval_scores[{index}] must be a number or None, got {type(value).__name__}: {value!r:.40}"
        ) from None
