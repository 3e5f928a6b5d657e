"""Near-misses and meaning-preserving rewrites: from any sentences by rules, from templates without end."""

from __future__ import annotations

from .corpus import CorpusPair, compose, edits, pairs_from_corpus
from .edit import EDIT_TYPES, Edit, Span
from .templates import Triple, triples
from .vocabulary import Vocabulary

__all__ = [
    "EDIT_TYPES",
    "CorpusPair",
    "Edit",
    "Span",
    "Triple",
    "Vocabulary",
    "compose",
    "edits",
    "pairs_from_corpus",
    "triples",
]
