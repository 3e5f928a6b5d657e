"""Labelled pairs from public sources on disk, in one form: query, passage, mismatch."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.errors import DataError


@dataclass(frozen=True)
class LabelledPair:
    """One training pair.

    Args:
        query: text read as the query.
        passage: text read as the passage.
        mismatch: 1 if the passage does not say what the query says or asks, else 0.
        source: name of the data set that it comes from.
    """

    query: str
    passage: str
    mismatch: int
    source: str


_LABELS = ("entailment", "neutral", "contradiction", "non-entailment")
_DETOKENISE = [
    (re.compile(r"\s+([,.?!;:%)\]])"), r"\1"),
    (re.compile(r"([(\[])\s+"), r"\1"),
    (re.compile(r"\s+(n't|'s|'re|'ve|'ll|'d|'m)\b"), r"\1"),
    (re.compile(r"``\s*|\s*''"), '"'),
]


def detokenise(text: str) -> str:
    """Close the gaps that a word tokeniser left before punctuation and clitics.

    Example:
        >>> detokenise("It is n't far , is it ?")
        "It isn't far, is it?"
    """
    for pattern, replacement in _DETOKENISE:
        text = pattern.sub(replacement, text)
    return text


def numbered_rows(file: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """JSON objects of a JSONL file in UTF-8 with their lines' numbers, from 1; blank lines are skipped.

    Raises:
        DataError: the file is missing or a line is no JSON object.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist: pass the folder that holds the recipe's data")
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except ValueError as error:
                raise DataError(f"{file}:{number}: not a JSON object in UTF-8 ({error})") from error
            if not isinstance(row, dict):
                raise DataError(f"{file}:{number}: not a JSON object")
            yield number, row


def text_rows(file: Path, *fields: str) -> list[tuple[str, ...]]:
    """These fields of every row.

    Raises:
        DataError: a row lacks one of them, or it is no text, or blank; or there are no rows.
    """
    rows = [tuple(_field(row, name, file, number) for name in fields) for number, row in numbered_rows(file)]
    if not rows:
        raise DataError(f"{file}: no rows")
    return rows


def paraphrase_pairs(file: Path, rng: random.Random) -> list[LabelledPair]:
    """Pairs with ``text1 text2 same``: read in a random direction, half of them without tokeniser gaps."""
    pairs = []
    for number, row in numbered_rows(file):
        texts = [_field(row, name, file, number) for name in ("text1", "text2")]
        same = row.get("same")
        if same not in (0, 1):
            raise DataError(f"{file}:{number}: field 'same' must be 0 or 1, got {same!r:.60}")
        rng.shuffle(texts)
        if rng.random() < 0.5:
            texts = [detokenise(text) for text in texts]
        pairs.append(LabelledPair(texts[0], texts[1], int(same == 0), file.stem))
    return pairs


def inference_pairs(file: Path) -> list[LabelledPair]:
    """Pairs with ``premise hypothesis label``: the passage (premise) must entail the query (hypothesis)."""
    pairs = []
    for number, row in numbered_rows(file):
        query, passage, label = (
            _field(row, name, file, number) for name in ("hypothesis", "premise", "label")
        )
        if label not in _LABELS:
            raise DataError(f"{file}:{number}: field 'label' must be one of {_LABELS}, got {label!r:.60}")
        pairs.append(LabelledPair(query, passage, int(label != "entailment"), file.stem))
    return pairs


def _field(row: dict[str, object], name: str, file: Path, number: int) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{file}:{number}: field {name!r} must be a text, got {value!r:.60}")
    return value
