"""Pairs of texts that say the same or do not: sentences, captions, questions."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import differing_words
from compositional_rerank.training.rows import (
    DENIES,
    DIFFERS,
    SILENT,
    SUPPORTS,
    Row,
    detokenise,
    numbered_rows,
    text_of,
)


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Rows of a file with ``text1 text2 same``, each read in a random direction.

    Args:
        file: JSONL.
        different: what a pair that is not the same may be; 0 for a denial or a difference.
        rng: which text is the query.
    """
    found = []
    for number, row in numbered_rows(file):
        texts = [detokenise(text_of(row, name, file, number)) for name in ("text1", "text2")]
        same = row.get("same")
        if same not in (0, 1):
            raise DataError(f"{file}:{number}: field 'same' must be 0 or 1, got {same!r:.60}")
        rng.shuffle(texts)
        verdicts = SUPPORTS if same else different or DENIES | DIFFERS
        wrong = None if verdicts & SILENT else () if same else differing_words(texts[1], texts[0])
        found.append(Row(texts[0], texts[1], verdicts, file.stem, wrong=wrong))
    return found
