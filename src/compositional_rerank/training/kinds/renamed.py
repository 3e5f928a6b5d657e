"""Pairs that say the same and share a name or a number: as they are, and with another in its place."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import differing_words, names_and_numbers, renamed
from compositional_rerank.training.kinds import pairs
from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS, Row

_TWICE = 0.4  # share of the pairs in which one text stands beside itself
_POOL = 60  # names and numbers of other texts that are offered to a pair


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two rows for each pair that is the same and has a name or a number in both texts.

    Args:
        file: JSONL with ``text1 text2 same``.
        different: what a renamed pair may be; 0 for a denial or a difference.
        rng: which name, by which other, and which text is the query.

    Raises:
        DataError: no pair of the file is the same and shares a name or a number.
    """
    same = [row for row in pairs.rows(file, different, rng) if row.verdicts == SUPPORTS]
    pool = list(dict.fromkeys(chain.from_iterable(names_and_numbers(row.query) for row in same)))
    found = []
    for number, row in enumerate(same):
        query = row.evidence if rng.random() < _TWICE else row.query
        changed = renamed(query, row.evidence, rng.sample(pool, min(_POOL, len(pool))), rng)
        if changed is None:
            continue
        wrong = differing_words(changed[1], query) if query == row.evidence else None
        found.append(Row(query, row.evidence, SUPPORTS, file.stem, str(number), ()))
        found.append(Row(*changed, different or DENIES | DIFFERS, file.stem, str(number), wrong))
    if not found:
        raise DataError(f"{file}: no pair with same = 1 shares a name or a number")
    return found
