"""Documents of a collection, kept on disk and read when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from compositional_rerank.audit.records import Record, parse
from compositional_rerank.errors import DataError


def document_text(record: Record) -> str:
    """Title and text joined by a space, as BEIR reads a document.

    Raises:
        DataError: `text` is missing or one of the two is not a string.

    Example:
        >>> document_text(Record("corpus.jsonl:1", {"_id": "d1", "title": "Tea", "text": "A drink."}))
        'Tea A drink.'
    """
    text = record.text("text", empty=True)
    title = record.text("title", empty=True) if record.fields.get("title") is not None else ""
    return f"{title} {text}".strip()


class FileCorpus(Sequence[str]):
    """The documents of a `corpus.jsonl`, decoded one by one on access, so that memory holds offsets only.

    Args:
        path: the file.
        offsets: first byte of each document's line, n of them.
    """

    def __init__(self, path: Path, offsets: Sequence[int]) -> None:
        self.path = path
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = self.offsets[index]
        texts = self._read([chosen] if isinstance(chosen, int) else list(chosen))
        return texts if isinstance(index, slice) else texts[0]

    def _read(self, offsets: list[int]) -> list[str]:
        texts = []
        try:
            with self.path.open("rb") as file:
                for offset in offsets:
                    file.seek(offset)
                    where = f"{self.path} (byte {offset})"
                    line = file.readline().decode("utf-8")
                    texts.append(document_text(Record(where, parse(where, line))))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path}: the file changed during the audit ({error})") from error
        return texts
