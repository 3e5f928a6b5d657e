"""Read JSON lines one by one and say exactly where a line is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compositional_rerank.errors import DataError


@dataclass(frozen=True)
class Record:
    """One JSON object and where it came from.

    Attributes:
        where: place for messages, such as `corpus.jsonl:12`.
        fields: the decoded object.
        offset: first byte of the line in its file.
    """

    where: str
    fields: Mapping[str, Any]
    offset: int = 0

    def text(self, field: str, *, empty: bool = False) -> str:
        """The string in `field`.

        Args:
            field: name of the field.
            empty: whether a text without any non-space character is allowed.

        Raises:
            DataError: the field is missing, not a string, empty, or not encodable as UTF-8.
        """
        if field not in self.fields:
            present = ", ".join(self.fields) or "none"
            raise DataError(f"{self.where}: field '{field}' is missing (fields of this line: {present})")
        value = self.fields[field]
        if not isinstance(value, str):
            kind = type(value).__name__
            raise DataError(f"{self.where}: field '{field}' is {kind} {value!r:.60}; it has to be a string")
        if not empty and not value.strip():
            raise DataError(f"{self.where}: field '{field}' is empty; give a text or delete the line")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{self.where}: field '{field}' holds half of a surrogate pair; write valid Unicode"
            ) from None
        return value

    def label(self, field: str) -> int:
        """The label in `field`, 0 or 1.

        Raises:
            DataError: the field is missing or anything but the number 0 or 1.
        """
        if field not in self.fields:
            present = ", ".join(self.fields) or "none"
            raise DataError(f"{self.where}: field '{field}' is missing (fields of this line: {present})")
        value = self.fields[field]
        if type(value) is not int or value not in (0, 1):
            raise DataError(
                f"{self.where}: field '{field}' is {value!r:.60}; it has to be 1 (same meaning) or 0 (not)"
            )
        return value

    def choice(self, field: str, among: Sequence[str]) -> str:
        """The string in `field`, one of a few.

        Raises:
            DataError: the field is missing or holds anything else.
        """
        value = self.text(field)
        if value not in among:
            raise DataError(
                f"{self.where}: field '{field}' is {value!r:.60}; it has to be one of {', '.join(among)}"
            )
        return value

    def texts(self, field: str, *, least: int = 1) -> tuple[str, ...]:
        """The strings in the list in `field`, or the `text` of its objects.

        Args:
            field: name of the field.
            least: how many there have to be.

        Raises:
            DataError: the field is missing, no list, too short, or one of its entries holds no text.
        """
        value = self.fields.get(field)
        if not isinstance(value, list):
            raise DataError(f"{self.where}: field '{field}' is {value!r:.60}; it has to be a list of texts")
        found = tuple(
            Record(self.where, entry if isinstance(entry, dict) else {"text": entry}).text("text")
            for entry in value
        )
        if len(found) < least:
            raise DataError(
                f"{self.where}: field '{field}' has {len(found)} texts; at least {least} are needed"
            )
        return found

    def optional_text(self, field: str) -> str | None:
        """The string in `field`, or None where it is absent or null."""
        return None if self.fields.get(field) is None else self.text(field)


def read_lines(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield (line number from 1, byte offset, text without line end) for each line that is not blank.

    Raises:
        DataError: the file cannot be opened, or a line is not UTF-8.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be read ({reason}); give the path of a readable file") from error
    with file:
        offset = 0
        try:
            for number, raw in enumerate(file, 1):
                begin, offset = offset, offset + len(raw)
                if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                    raw, begin = raw[3:], begin + 3
                if not raw.strip():
                    continue
                try:
                    yield number, begin, raw.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{path}:{number}: not UTF-8 (byte {error.start} of the line is "
                        f"0x{raw[error.start]:02x}); save the file as UTF-8"
                    ) from None
        except OSError as error:
            raise DataError(f"{path}: reading failed ({error.strerror or error})") from error


def read_records(path: Path) -> Iterator[Record]:
    """Yield the JSON object of each line that is not blank.

    Raises:
        DataError: unreadable file, or a line that is not one JSON object.
    """
    for number, offset, line in read_lines(path):
        yield Record(f"{path}:{number}", parse(f"{path}:{number}", line), offset)


def not_empty(records: Iterable[Record], where: str) -> Iterator[Record]:
    """Hand records on.

    Raises:
        DataError: there was none.
    """
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise DataError(f"{where}:1: the file is empty; it has to hold at least one line")


def parse(where: str, line: str) -> Mapping[str, Any]:
    """Decode one line that has to hold one JSON object.

    Raises:
        DataError: the line is cut short, is not JSON, or is JSON of another kind.
    """
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at column {error.colno}"
        raise DataError(f"{where}: not valid JSON ({detail}); is the line cut short?") from None
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise DataError(f"{where}: not usable JSON ({reason})") from None
    if not isinstance(value, dict):
        raise DataError(f"{where}: has to be one JSON object, this one is {type(value).__name__}")
    return value
