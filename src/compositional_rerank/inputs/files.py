"""The one reader of input: what a file, a folder and standard input mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from compositional_rerank.errors import DataError, InputError
from compositional_rerank.inputs.forms import (
    Passage,
    decoded,
    from_csv,
    from_json,
    from_json_lines,
    from_lines,
    from_paragraphs,
    told_by_start,
)
from compositional_rerank.inputs.parquet import from_parquet

Say = Callable[[str], None]

STDIN = "-"
FORMS = ("auto", "lines", "paragraphs", "jsonl", "json", "csv")
_BY_NAME = {
    ".txt": "text",
    ".md": "paragraphs",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}


def _quiet(what: str) -> None:
    """Say nothing."""


def read_passages(
    names: Sequence[str], form: str = FORMS[0], say: Say = _quiet, *, by_line: bool = False
) -> list[Passage]:
    """Passages of files, folders and, for ``-``, standard input, in this order.

    Args:
        names: paths, or ``-``.
        form: one of `FORMS`.
        say: called with what the user should know.
        by_line: plain text is one passage a line, even if blank lines part it.

    Raises:
        DataError: something cannot be read or used; the message names file, line and field.
        InputError: ``form`` does not go with a folder.
    """
    passages: list[Passage] = []
    for name in names:
        if not name.strip():
            raise InputError(
                f"the name of a file is blank ({name!r}): name a file, or a folder, or - for stdin"
            )
        if name == STDIN or not os.path.isdir(name):
            passages += _read(name, form, say, by_line)
            continue
        if form not in ("auto", "lines", "paragraphs"):
            raise InputError(
                f"--input {form} does not go with the folder {name}, whose files are read by their names: "
                "leave it out, or name the files"
            )
        for file in _files(Path(name)):
            text = _BY_NAME[file.suffix.lower()] in ("text", "paragraphs")
            passages += _read(str(file), form if text else "auto", _quiet, by_line)
    return passages


def read_one(name: str, what: str, option: str, say: Say = _quiet) -> str:
    """The one text that a file or, for ``-``, standard input holds; plain text is taken as a whole.

    Args:
        name: a path, or ``-``.
        what: what the text is, for messages, such as "the passage".
        option: the option that takes it as it is.
        say: called with what the user should know.

    Raises:
        DataError: it cannot be read, or it is JSON or CSV and holds another number of passages.
    """
    if name != STDIN and os.path.isdir(name):
        raise DataError(f"{name} is a folder, and {what} is one text: name a file")
    shown = _shown(name)
    if _is_parquet(name):
        passages = from_parquet(name)
    else:
        text = decoded(_content(name, what, say), shown)
        form = _form(name, text)
        if form in ("text", "paragraphs"):
            return text
        passages = _parsed(text, shown, form)
    if len(passages) != 1:
        raise DataError(f"{shown} holds {len(passages)} texts, and {what} is one: pass it with {option}")
    return passages[0].text


def is_store(folder: Path) -> bool:
    """Whether a folder holds a token store."""
    return (folder / "meta.json").is_file() and any(folder.glob("vectors-*.bin"))


def _files(folder: Path) -> list[Path]:
    """All files of ours in a folder and below, sorted; hidden files and token stores are left out."""
    if is_store(folder):
        raise DataError(f"{folder} is a token store: name the passages that it is to hold or was made from")

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror or error}") from error

    found = []
    for base, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name[0] != "." and not is_store(Path(base, name))]
        found += [Path(base, name) for name in files if name[0] != "."]
    found = sorted(file for file in found if file.suffix.lower() in _BY_NAME)
    if not found:
        raise DataError(
            f"{folder}: no file in it or below ends in {', '.join(_BY_NAME)}: name another folder, or files"
        )
    return found


def _read(name: str, form: str, say: Say, by_line: bool) -> list[Passage]:
    if form == "auto" and _is_parquet(name):
        return from_parquet(name)
    shown = _shown(name)
    text = decoded(_content(name, "passages", say), shown)
    if form == "auto":
        form = _form(name, text)
    if form != "text":
        return _parsed(text, shown, form)
    passages, lines = from_paragraphs(text), from_lines(text)
    if name == STDIN or by_line or len(passages) == 1:
        return lines
    if len(passages) < len(lines):
        say(
            f"{shown}: read as {len(passages)} paragraphs, parted by blank lines; for one passage a line "
            "pass --input lines"
        )
    return passages


def _form(name: str, text: str) -> str:
    by_name = "text" if name == STDIN else _BY_NAME.get(Path(name).suffix.lower(), "text")
    return told_by_start(text) if by_name == "text" else by_name


def _is_parquet(name: str) -> bool:
    return name != STDIN and _BY_NAME.get(Path(name).suffix.lower()) == "parquet"


def _parsed(text: str, shown: str, form: str) -> list[Passage]:
    if form == "lines":
        return from_lines(text)
    if form == "paragraphs":
        return from_paragraphs(text)
    return {"jsonl": from_json_lines, "json": from_json, "csv": from_csv}[form](text, shown)


def _content(name: str, waits_for: str, say: Say) -> bytes:
    """Bytes of a file, or of standard input for ``-``; on a terminal, say what it waits for."""
    if name == STDIN:
        if sys.stdin.isatty():
            say(f"reading {waits_for} from the terminal; end with Ctrl-D on a new line")
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{name} cannot be read: {reason}: name a file, or a folder, or - for stdin"
        ) from error


def _shown(name: str) -> str:
    return "<stdin>" if name == STDIN else name
