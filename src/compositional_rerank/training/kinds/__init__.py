"""Kinds of data: one module for each, that makes `Row`s of a file."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from compositional_rerank.training.kinds import (
    answers,
    asked,
    captions,
    contrast,
    exchanged,
    inference,
    pairs,
    sentences,
    triples,
)
from compositional_rerank.training.rows import Row

KINDS: dict[str, Callable[[Path, int, random.Random], list[Row]]] = {
    "answers": answers.rows,
    "asked": asked.rows,
    "captions": captions.rows,
    "contrast": contrast.rows,
    "exchanged": exchanged.rows,
    "inference": inference.rows,
    "pairs": pairs.rows,
    "sentences": sentences.rows,
    "triples": triples.rows,
}
