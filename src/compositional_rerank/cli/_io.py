"""What the verbs share: options, reading passages, writing files, loading the model."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compositional_rerank._validation import BACKENDS
from compositional_rerank.errors import DataError, InputError

if TYPE_CHECKING:
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.store import TokenStore

STDIN = "-"


@dataclass(frozen=True)
class Passage:
    """A candidate as it came in.

    Args:
        text: the passage.
        id: what the file calls it; None if it has no name.
        retrieval_score: what the retriever gave; None if it gave none.
        extra: the line's other fields, which are handed on.
    """

    text: str
    id: str | int | None = None
    retrieval_score: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--device`` and ``--backend``."""
    parser.add_argument("--model", metavar="M", help="checkpoint folder or model name (the shipped default)")
    parser.add_argument("--device", metavar="D", help="torch device, such as cpu or cuda (the best there is)")
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="what computes; openvino is faster on CPUs (torch)",
    )


def count(value: str) -> int:
    """Read an option that is an integer of at least 1."""
    if value.strip().isdecimal() and int(value) >= 1:
        return int(value)
    raise argparse.ArgumentTypeError(
        f"must be an integer of at least 1, got {value!r}; leave it out to keep all"
    )


def bound(low: float, high: float) -> Callable[[str], float]:
    """Reader of an option that is a number in ``[low, high]``."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if low <= number <= high:
            return number
        raise argparse.ArgumentTypeError(f"must be a number in [{low:g}, {high:g}], got {value!r}")

    return read


def load_reranker(args: argparse.Namespace, store: TokenStore | Path | None = None) -> CompositionalReranker:
    """Load the model that ``--model`` and ``--device`` ask for, with a store or the folder of one."""
    from compositional_rerank.reranker import CompositionalReranker

    return CompositionalReranker.from_pretrained(
        args.model, device=args.device, backend=args.backend, store=store
    )


def read_bytes(name: str, waits_for: str) -> bytes:
    """Contents of a file, or of standard input for ``-``; on a terminal, say what it waits for."""
    if name == STDIN:
        if sys.stdin.isatty():
            print(f"reading {waits_for} from the terminal; end with Ctrl-D on a new line", file=sys.stderr)
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from error


def read_text(name: str, waits_for: str) -> str:
    """A whole file as UTF-8."""
    return "\n".join(line for _, line in _lines(read_bytes(name, waits_for), name))


def read_passages(name: str, form: str) -> list[Passage]:
    """Passages of a file, or of standard input for ``-``.

    Args:
        name: path, or ``-``.
        form: ``"text"``, one passage per line; ``"jsonl"``; or ``"auto"``: JSONL if the name ends so or the
            first line is a JSON object, else text.

    Raises:
        DataError: the file cannot be read, or a line cannot be used; the message names file, line and field.
    """
    lines = [(number, line) for number, line in _lines(read_bytes(name, "passages"), name) if line.strip()]
    shown = "<stdin>" if name == STDIN else name
    if form == "auto":
        ends_so = Path(name).suffix.lower() in {".jsonl", ".ndjson"}
        form = "jsonl" if ends_so or (lines and _is_object(lines[0][1])) else "text"
    if form == "text":
        return [Passage(line.strip()) for _, line in lines]
    return [_passage(line, f"{shown}:{number}") for number, line in lines]


def _lines(content: bytes, name: str) -> Iterator[tuple[int, str]]:
    shown = "<stdin>" if name == STDIN else name
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            yield number, line.decode().removesuffix("\r")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{shown}:{number}: byte {error.start + 1} is not UTF-8: save the file as UTF-8"
            ) from None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _passage(line: str, where: str) -> Passage:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error}): write one object per line") from None
    if not isinstance(record, dict):
        raise DataError(f'{where}: must be an object such as {{"text": "..."}}, got {line.strip():.40}')
    if "text" not in record:
        raise DataError(
            f"{where}: field 'text' is missing; the line has: {', '.join(map(repr, record)) or 'none'}"
        )
    text, name = record["text"], record.get("id")
    if not isinstance(text, str):
        raise DataError(f"{where}: field 'text' must be a string, got {json.dumps(text):.40}")
    if name is not None and (isinstance(name, bool) or not isinstance(name, (str, int))):
        raise DataError(f"{where}: field 'id' must be a string or an integer, got {json.dumps(name):.40}")
    key = "retrieval_score" if "retrieval_score" in record else "score"
    score = record.get(key)
    if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
        raise DataError(f"{where}: field {key!r} must be a number or null, got {json.dumps(score):.40}")
    used = {"text", "id", key}
    try:
        given = None if score is None else float(score)
    except OverflowError:
        raise DataError(f"{where}: field {key!r} is too large for a float") from None
    return Passage(text, name, given, {name: value for name, value in record.items() if name not in used})


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse a file that exists, unless forced, and a place that cannot hold one."""
    if path.exists() and not path.is_file():
        raise InputError(f"--out {path} is not a regular file: name a file, or leave --out away to print")
    if path.exists() and not force:
        raise InputError(f"--out {path} exists: pass --force to replace it, or another name")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: the folder {path.parent} does not exist: create it first")


def write_file(path: Path, text: str, *, force: bool) -> None:
    """Write a file whole or not at all; without ``force`` never over another."""
    path = path.resolve()  # the file that a link points at is replaced, not the link
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"--out {path} cannot be written: {error.strerror or error}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        check_writable(path, force=force)  # again: the model took seconds to load
        os.replace(name, path)
    except OSError as error:
        raise InputError(f"--out {path} cannot be written: {error.strerror or error}") from error
    finally:
        Path(name).unlink(missing_ok=True)
