"""Triples of an anchor, a text that says the same, and a near-miss of it."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS, Row, detokenise, text_rows


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Two rows for each line of a file with ``anchor positive negative``.

    Args:
        file: JSONL.
        different: what the near-miss may be; 0 for a denial or a difference.
        rng: which text is the query.
    """
    found = []
    for texts in text_rows(file, "anchor", "positive", "negative"):
        anchor, positive, negative = map(detokenise, texts)
        same = rng.sample([anchor, positive], 2)
        other = rng.sample([rng.choice(same), negative], 2)
        found.append(Row(same[0], same[1], SUPPORTS, file.stem))
        found.append(Row(other[0], other[1], different or DENIES | DIFFERS, file.stem))
    return found
