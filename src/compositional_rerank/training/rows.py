"""One training row, and how rows are read from JSONL files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.errors import DataError

SUPPORTS, DENIES, DIFFERS, SILENT = 1, 2, 4, 8
ANY = SUPPORTS | DENIES | DIFFERS | SILENT
NAMES = {"supports": SUPPORTS, "denies": DENIES, "differs": DIFFERS, "silent": SILENT}

_DETOKENISE = [
    (re.compile(r"\s+([,.?!;:%)\]])"), r"\1"),
    (re.compile(r"([(\[])\s+"), r"\1"),
    (re.compile(r"\s+(n't|'s|'re|'ve|'ll|'d|'m)\b"), r"\1"),
    (re.compile(r"``\s*|\s*''"), '"'),
]


@dataclass(frozen=True)
class Row:
    """A query and a piece of evidence, with what is known of the verdict.

    Args:
        query: text read as the query.
        evidence: text read as the passage.
        verdicts: which verdicts may be right, a sum of `SUPPORTS`, `DENIES`, `DIFFERS` and `SILENT`. Human
            labels seldom say which of two it is: "not entailed" leaves three open.
        source: name of the source that it comes from.
        group: rows of one group are read in one batch, where those that share a text are compared; "" for
            a row of its own.
        wrong: characters of the evidence, as ``(start, stop)``, that make it no support, where that is known:
            the words in which it differs from a text that supports the query. Empty where it supports it.
    """

    query: str
    evidence: str
    verdicts: int
    source: str
    group: str = ""
    wrong: tuple[tuple[int, int], ...] | None = None


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
            except (ValueError, RecursionError) as error:
                raise DataError(f"{file}:{number}: not a JSON object in UTF-8 ({error})") from error
            if not isinstance(row, dict):
                raise DataError(f"{file}:{number}: not a JSON object")
            yield number, row


def parts_of(file: Path) -> list[Path]:
    """The file itself, or all ``*.jsonl`` of a folder in the order of their names."""
    return sorted(file.glob("*.jsonl")) if file.is_dir() else [file]


def text_rows(file: Path, *fields: str) -> list[tuple[str, ...]]:
    """These fields of every row of a file, or of all ``*.jsonl`` of a folder.

    Raises:
        DataError: a row lacks one of them, or it is no text, or blank; or there are no rows.
    """
    rows = [
        tuple(text_of(row, name, part, number) for name in fields)
        for part in parts_of(file)
        for number, row in numbered_rows(part)
    ]
    if not rows:
        raise DataError(f"{file}: no rows")
    return rows


def text_of(row: dict[str, object], name: str, file: Path, number: int) -> str:
    """A row's field, which must be a visible text."""
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{file}:{number}: field {name!r} must be a text, got {value!r:.60}")
    return value
