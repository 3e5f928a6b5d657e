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


def read_rows(file: Path) -> Iterator[dict[str, object]]:
    """JSON objects of a JSONL file; a bad line is named.

    Raises:
        DataError: the file is missing or a line is no JSON object.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist: pass the folder that holds the recipe's data")
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{file}:{number}: not a JSON object ({error.msg})") from error
            if not isinstance(row, dict):
                raise DataError(f"{file}:{number}: not a JSON object")
            yield row


def paraphrase_pairs(file: Path, rng: random.Random) -> list[LabelledPair]:
    """Pairs with ``text1 text2 same``: read in a random direction, half of them without tokeniser gaps."""
    pairs = []
    for number, row in enumerate(read_rows(file), 1):
        texts = [_field(row, name, file, number) for name in ("text1", "text2")]
        if row.get("same") not in (0, 1):
            raise DataError(f"{file}:{number}: field 'same' must be 0 or 1, got {row.get('same')!r}")
        rng.shuffle(texts)
        if rng.random() < 0.5:
            texts = [detokenise(text) for text in texts]
        pairs.append(LabelledPair(texts[0], texts[1], 1 - int(str(row["same"])), file.stem))
    return pairs


def inference_pairs(file: Path) -> list[LabelledPair]:
    """Pairs with ``premise hypothesis label``: the passage (premise) must entail the query (hypothesis)."""
    return [
        LabelledPair(
            _field(row, "hypothesis", file, number),
            _field(row, "premise", file, number),
            int(row["label"] != "entailment"),
            file.stem,
        )
        for number, row in enumerate(read_rows(file), 1)
    ]


def _field(row: dict[str, object], name: str, file: Path, number: int) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{file}:{number}: field {name!r} must be a text, got {value!r:.60}")
    return value
