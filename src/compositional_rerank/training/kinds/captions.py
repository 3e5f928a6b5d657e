"""Captions of one picture: they say other things of it, and seldom the opposite."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.rows import DIFFERS, SILENT, SUPPORTS, Row, detokenise, numbered_rows


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Two rows for each line of a file with ``texts``, captions of one picture.

    Another caption of the picture is no denial; a caption of another picture differs or is silent.

    Args:
        file: JSONL.
        different: what a caption of another picture may be; 0 for a difference or silence.
        rng: which captions.
    """
    pictures = []
    for number, row in numbered_rows(file):
        texts = row.get("texts")
        if not isinstance(texts, list) or len(texts) < 2 or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{file}:{number}: field 'texts' must be a list of at least two texts")
        pictures.append([detokenise(text) for text in texts])
    found = []
    for place, texts in enumerate(pictures):
        first, second = rng.sample(texts, 2)
        found.append(Row(first, second, SUPPORTS | DIFFERS | SILENT, file.stem))
        other = rng.choice(pictures[place - 1])
        found.append(Row(first, other, different or DIFFERS | SILENT, file.stem))
    return found
