"""Texts that people reworded, and near-misses of the rewordings made by rule."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import differing_words
from compositional_rerank.training.kinds.sentences import edit
from compositional_rerank.training.rows import (
    DENIES,
    DIFFERS,
    SUPPORTS,
    Row,
    detokenise,
    numbered_rows,
    text_of,
)


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two rows for each pair of a file with ``text1 text2 same`` that is the same.

    A text supports its rewording, and not the rewording with two words swapped or one exchanged: so a
    near-miss shares as few words with the query as what says the same.

    Args:
        file: JSONL.
        different: what the near-miss may be; 0 for a denial or a difference.
        rng: which text is the query, and which words.

    Raises:
        DataError: no pair of the file is the same.
    """
    pairs = []
    for number, row in numbered_rows(file):
        texts = [detokenise(text_of(row, name, file, number)) for name in ("text1", "text2")]
        if row.get("same") == 1:
            pairs.append(texts)
    if not pairs:
        raise DataError(f"{file}: no row has 'same' 1")
    found = []
    for number, texts in enumerate(pairs):
        query, evidence = rng.sample(texts, 2)
        edited = edit(evidence, rng.choice(rng.choice(pairs)), rng)
        if edited is None or sorted(edited.lower().split()) == sorted(query.lower().split()):
            continue  # too short, or swapped back into the query
        wrong = differing_words(edited, evidence)
        found.append(Row(query, evidence, SUPPORTS, file.stem, str(number), ()))
        found.append(Row(query, edited, different or DENIES | DIFFERS, file.stem, str(number), wrong))
    return found
