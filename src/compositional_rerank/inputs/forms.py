"""Passages out of text, JSON lines, JSON and CSV; what cannot be used is named with its place and a fix."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from compositional_rerank.errors import DataError

TEXT_COLUMNS = ("text", "passage", "content", "body")
_LIKE_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*[{"])')
_PLAIN = "or pass --input lines to take its lines as they are"


@dataclass(frozen=True)
class Passage:
    """A candidate as it came in.

    Args:
        text: the passage.
        id: what the file calls it; None if it has no name.
        retrieval_score: what the retriever gave; None if it gave none.
        extra: the other fields, which are handed on.
    """

    text: str
    id: str | int | None = None
    retrieval_score: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def decoded(content: bytes, shown: str) -> str:
    """UTF-8, with or without a byte order mark, as text with plain line ends.

    Raises:
        DataError: it is no UTF-8; the message names the line and the byte.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = error.start - content.rfind(b"\n", 0, error.start)
        raise DataError(f"{shown}:{line}: byte {byte} is not UTF-8: save the file as text in UTF-8") from None


def told_by_start(text: str) -> str:
    """The form of a text whose name does not tell it: ``"json"``, ``"jsonl"``, ``"csv"`` or ``"text"``.

    Example:
        >>> told_by_start('["a", "b"]'), told_by_start('{"text": "a"}'), told_by_start("id,text\\n1,a")
        ('json', 'jsonl', 'csv')
        >>> told_by_start("[1] A footnote."), told_by_start("Text, body and soul\\nare one.")
        ('text', 'text')
    """
    first = text.lstrip("\n").partition("\n")[0]
    if text.lstrip()[:1] in ("{", "["):
        whole = _value(text)
        if isinstance(whole, list) or (isinstance(whole, dict) and "results" in whole):
            return "json"
        if isinstance(_value(first), dict):
            return "jsonl"
        return "json" if _LIKE_JSON.match(text) else "text"
    delimiter = _delimiter(first)
    if delimiter is not None and delimiter in first:
        try:
            rows = csv.reader(io.StringIO(text.lstrip("\n"), newline=""), delimiter=delimiter, strict=True)
            head, row = next(rows), next(rows, None)
            return "csv" if row is not None and len(row) == len(head) else "text"
        except csv.Error:
            return "csv"  # which will say what is wrong
    return "text"


def from_lines(text: str) -> list[Passage]:
    """One passage a line; blank lines are skipped."""
    return [Passage(line.strip()) for line in text.split("\n") if line.strip()]


def from_paragraphs(text: str) -> list[Passage]:
    """One passage a paragraph; blank lines part them."""
    return [Passage(part.strip()) for part in re.split(r"\n[^\S\n]*\n", text) if part.strip()]


def from_json_lines(text: str, shown: str) -> list[Passage]:
    """One object a line.

    Raises:
        DataError: a line cannot be used.
    """
    passages = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{shown}:{number}: not JSON ({error}): write one object per line, {_PLAIN}"
            ) from None
        if not isinstance(record, dict):
            raise DataError(
                f'{shown}:{number}: must be an object such as {{"text": "..."}}, got {line.strip():.40}'
            )
        passages.append(passage_of(record, f"{shown}:{number}"))
    return passages


def from_json(text: str, shown: str) -> list[Passage]:
    """An array of strings or objects, also as ``results`` of an object, or JSON lines after all.

    Raises:
        DataError: it is another kind of JSON, or none.
    """
    if not text.strip():
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if isinstance(_value(text.lstrip("\n").partition("\n")[0]), dict):
            return from_json_lines(text, shown)
        raise DataError(f"{shown}: not JSON ({error}): mend it, {_PLAIN}") from None
    if isinstance(value, dict) and "results" in value:  # as rerank --format json writes it
        value = value["results"]
    elif isinstance(value, dict) and "text" in value:
        value = [value]
    if not isinstance(value, list):
        what = f"an object with {', '.join(map(repr, value))}" if isinstance(value, dict) else _shown(value)
        raise DataError(
            f'{shown}: must be an array of strings or of objects with "text", got {what:.80}: write it so, '
            "or leave the file out"
        )
    passages = []
    for number, item in enumerate(value, start=1):
        where = f"{shown}, item {number}"
        if isinstance(item, str):
            passages.append(Passage(item))
        elif isinstance(item, dict):
            passages.append(passage_of(item, where))
        else:
            raise DataError(f'{where}: must be a string or an object with "text", got {_shown(item)}')
    return passages


def from_csv(text: str, shown: str) -> list[Passage]:
    """A table with a header; commas, semicolons or tabs part the columns.

    Raises:
        DataError: no column holds the text, or a row does not fit the header.
    """
    if not text.strip():
        return []
    text = text.lstrip("\n")
    delimiter = _delimiter(text.partition("\n")[0]) or ","
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a passage may be long
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    passages = []
    try:
        header = [name.strip() for name in next(rows)]
        lower = [name.lower() for name in header]
        column = next((lower.index(name) for name in TEXT_COLUMNS if name in lower), None)
        if column is None:
            raise DataError(
                f"{shown}:1: no column holds passages, the header has {', '.join(map(repr, header)):.80}: "
                f"call one {', '.join(TEXT_COLUMNS[:-1])} or {TEXT_COLUMNS[-1]}, or leave the file out"
            )
        for cells in rows:
            where = f"{shown}:{rows.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{where}: {len(cells)} columns, the header has {len(header)}: put quotes around a text "
                    f"that holds {delimiter!r}"
                )
            passages.append(passage_of(_record(header, lower, cells, column, where), where))
    except csv.Error as error:
        raise DataError(
            f"{shown}:{rows.line_num}: not CSV ({error}): double the quotes inside a quoted text, {_PLAIN}"
        ) from None
    return passages


def _delimiter(header: str) -> str | None:
    """What parts the columns of a header that names a text; None if it names none."""
    for delimiter in ",;\t":
        names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
        if set(names) & set(TEXT_COLUMNS):
            return delimiter
    return None


def _record(header: list[str], lower: list[str], cells: list[str], column: int, where: str) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for place, (name, cell) in enumerate(zip(header, cells, strict=True)):
        if place == column:
            record["text"] = cell
        elif lower[place] in ("id", "retrieval_score", "score"):
            record[lower[place]] = cell or None
        else:
            record[name or f"column {place + 1}"] = cell
    for name in ("retrieval_score", "score"):
        if record.get(name) is not None:
            try:
                record[name] = float(record[name])
            except ValueError:
                raise DataError(
                    f"{where}: field {name!r} must be a number or empty, got {record[name]!r:.40}"
                ) from None
    return record


def passage_of(record: dict[str, Any], where: str) -> Passage:
    """The passage of an object or a row with a field ``text``.

    Raises:
        DataError: a field cannot be used; the message begins with ``where``.
    """
    if "text" not in record:
        has = ", ".join(map(repr, record)) or "none"
        raise DataError(f"{where}: field 'text' is missing, it has {has:.80}: put the passage into 'text'")
    text, name = record["text"], record.get("id")
    if not isinstance(text, str):
        raise DataError(f"{where}: field 'text' must be a string, got {_shown(text)}")
    if name is not None and (isinstance(name, bool) or not isinstance(name, (str, int))):
        raise DataError(f"{where}: field 'id' must be a string or an integer, got {_shown(name)}")
    key = "retrieval_score" if "retrieval_score" in record else "score"
    score = record.get(key)
    if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
        raise DataError(f"{where}: field {key!r} must be a number or null, got {_shown(score)}")
    try:
        given = None if score is None else float(score)
    except OverflowError:
        raise DataError(f"{where}: field {key!r} is too large for a float") from None
    used = {"text", "id", key}
    return Passage(text, name, given, {name: value for name, value in record.items() if name not in used})


def _value(text: str) -> Any:
    """The JSON value of a text; None if it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shown(value: Any) -> str:
    return f"{json.dumps(value, default=repr):.40}"
