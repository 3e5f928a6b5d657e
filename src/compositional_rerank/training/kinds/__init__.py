"""Kinds of data: one module for each, that makes `Row`s of a file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from compositional_rerank.training.kinds import (
    answers,
    asked,
    captions,
    contrast,
    exchanged,
    inference,
    own_words,
    pairs,
    renamed,
    sentences,
    siblings,
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
    "own_words": own_words.rows,
    "pairs": pairs.rows,
    "renamed": renamed.rows,
    "sentences": sentences.rows,
    "siblings": siblings.rows,
    "triples": triples.rows,
}

# queries with texts that answer them and near-misses: what threshold, bonus and penalty are fitted on
JUDGED: dict[str, Callable[[Path], Iterator[tuple[str, list[str], list[str]]]]] = {
    "contrast": contrast.judged_texts,
    "own_words": own_words.judged_texts,
    "siblings": siblings.judged_texts,
}
