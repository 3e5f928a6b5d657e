"""Questions with passages that answer them, and with others that do not."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import as_typed, names_and_numbers, renamed, said_of_another
from compositional_rerank.training.neighbours import closest_others
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
from compositional_rerank.verification.forms import form_of

LONGEST = 700  # characters of a passage: a longer one would be cut while training
_ALIKE = 0.8  # TF-IDF cosine from which two passages may say the same
_ANSWERS = {"1": SUPPORTS, "0": DENIES}


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of about three rows for each short enough line of a file with ``query passage``.

    The passage supports, or where the question takes a yes or a no it supports or denies; where the field
    ``answer`` says "1" or "0", that is which. The closest other passage by TF-IDF differs or is silent, any
    other passage is silent, and so is one of another name. All passages of a question answer it.

    Args:
        file: JSONL.
        different: what the closest other passage may be; 0 for a difference or silence.
        rng: which passages, names and ways of typing.
    """
    pairs, known = [], []
    for number, row in numbered_rows(file):
        query, passage = (text_of(row, name, file, number) for name in ("query", "passage"))
        if len(passage) <= LONGEST:
            pairs.append((detokenise(query), detokenise(passage)))
            known.append(_ANSWERS.get(str(row.get("answer")), 0))
    right: dict[str, set[str]] = {}
    for query, passage in pairs:
        right.setdefault(query, set()).add(passage)
    if len({passage for _, passage in pairs}) < 2:
        raise DataError(f"{file}: at least two passages of up to {LONGEST} characters are needed")
    neighbours = closest_others(
        [query for query, _ in pairs], [passage for _, passage in pairs], right, alike=_ALIKE
    )
    pool = list(dict.fromkeys(chain.from_iterable(names_and_numbers(text) for _, text in pairs)))
    found = []
    for number, (query, passage) in enumerate(pairs):
        answers = SUPPORTS
        if form_of(query) == "yes_no":
            answers = known[number] or SUPPORTS | DENIES
        asked = as_typed(query, rng)
        found.append(Row(asked, passage, answers, file.stem, str(number)))
        closest = neighbours[number]
        if rng.random() < 0.7 and closest is not None:
            found.append(Row(asked, closest, different or DIFFERS | SILENT, file.stem, str(number)))
        else:
            other = rng.choice(pairs)[1]
            if other not in right[query]:
                found.append(Row(asked, other, SILENT, file.stem, str(number)))
        changed = renamed(asked, passage, rng.sample(pool, min(40, len(pool))), rng)
        if changed is not None:
            found.append(Row(*changed, said_of_another(changed[0]), file.stem, str(number)))
    return found
