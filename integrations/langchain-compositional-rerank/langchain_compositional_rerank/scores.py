"""Scores that documents come with: from a vector store, or in their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore

KNOWN_KEYS = (  # under which retrievers, rerankers and vector stores leave scores
    "retrieval_score",
    "relevance_score",
    "score",
    "similarity_score",
    "similarity",
    "_score",
)
DISTANCES = ("distance", "_distance")


def number(value: Any) -> float | None:
    """A number, or None for what is none."""
    if value is None or isinstance(value, (str, bytes, bool)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def in_metadata(documents: Sequence[Document], key: str | None) -> list[float | None]:
    """The documents' scores, higher is better; None where one has none.

    Args:
        documents: the documents.
        key: metadata key; None is the first known one that all of them have, else that any of them has.
            Distances are negated.
    """
    found = {
        name: [number(document.metadata.get(name)) for document in documents]
        for name in ((*KNOWN_KEYS, *DISTANCES) if key is None else (key,))
    }
    whole = [name for name, scores in found.items() if None not in scores]
    some = [name for name, scores in found.items() if any(score is not None for score in scores)]
    for name in (*whole, *some):
        sign = -1 if key is None and name in DISTANCES else 1
        return [None if score is None else sign * score for score in found[name]]
    return [None] * len(documents)


def scored(
    store: VectorStore, query: str, search: dict[str, Any]
) -> tuple[list[Document], list[float] | None]:
    """What a vector store finds, best first, with the best scores that it can give.

    Those are relevance scores; what its search itself counts by, where it does not say how to make relevance
    of it; or none.
    """
    for ask in (store.similarity_search_with_relevance_scores, store.similarity_search_with_score):
        try:
            found = ask(query, **search)
        except (NotImplementedError, ValueError):  # no such search, or no known way to relevance
            continue
        return [document for document, _ in found], [float(score) for _, score in found]
    return store.similarity_search(query, **search), None


def turned(scores: list[float]) -> list[float]:
    """Scores of documents that came best first: rising ones are distances, and are negated.

    Example:
        >>> turned([0.1, 0.3]), turned([0.9, 0.8])
        ([-0.1, -0.3], [0.9, 0.8])
    """
    rise = all(one <= after for one, after in pairwise(scores))
    return [-score for score in scores] if rise and scores[:1] != scores[-1:] else scores
