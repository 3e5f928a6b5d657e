"""Triples of an anchor, a text that says the same, and a near-miss of it."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.training.edits import differing_words
from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS, Row, detokenise, text_rows


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two rows for each line with ``anchor positive negative``.

    Args:
        file: JSONL, or a folder of it.
        different: what the near-miss may be; 0 for a denial or a difference.
        rng: which text is the query.
    """
    found = []
    for number, texts in enumerate(text_rows(file, "anchor", "positive", "negative")):
        anchor, positive, negative = map(detokenise, texts)
        same = rng.sample([anchor, positive], 2)
        query, evidence = (same[0], negative) if rng.random() < 0.5 else (negative, same[1])
        wrong = differing_words(evidence, query) if anchor in (query, evidence) else None
        found.append(Row(same[0], same[1], SUPPORTS, file.stem, str(number), ()))
        found.append(Row(query, evidence, different or DENIES | DIFFERS, file.stem, str(number), wrong))
    return found
