"""What the verbs share beside input and options: loading the model, places for the output, writing files."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from compositional_rerank.cli._input import tell
from compositional_rerank.errors import InputError
from compositional_rerank.inputs.files import STDIN, is_store

if TYPE_CHECKING:
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.store import TokenStore


def load_reranker(
    args: argparse.Namespace, store: TokenStore | Path | str | None = None
) -> CompositionalReranker:
    """Load what the model options name, with a store or the place of one."""
    from compositional_rerank.reranker import CompositionalReranker

    with without_warnings():
        return CompositionalReranker.from_pretrained(
            args.model,
            encoder=args.encoder,
            verifier=getattr(args, "verifier", None),
            device=args.device,
            backend=args.backend,
            store=store,
        )


@contextmanager
def without_warnings() -> Iterator[None]:
    """Without Python's warning that a model has no verifier: the verbs say so in a line of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def show(text: str) -> None:
    """Print a result; a reader of it who has had enough does not change what comes after it."""
    with suppress_closed_pipe():
        print(text, flush=True)


@contextmanager
def suppress_closed_pipe() -> Iterator[None]:
    """End the block where the reader of standard output is gone, and let that lead nowhere from then on."""
    try:
        yield
    except BrokenPipeError:  # Python would meet it again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell_unverified(reranker: CompositionalReranker, also: str = "") -> None:
    """Say on stderr what is not judged: all without a verifier, questions with one that reads statements."""
    if reranker.verifier is None:
        tell(f"{reranker.name} has no verifier, so that near-misses are not judged{also}")
    elif "question" not in reranker.verifier.reads:
        tell(f"{reranker.name} judges statements: questions and keywords get no verdict")


def check_store(store: Path | str | None, inputs: Sequence[str] = ()) -> None:
    """Refuse a store that is a file, or a folder of passages while the one input is a store."""
    if not isinstance(store, Path) or not os.path.exists(store) or is_store(store):
        return
    other = Path(inputs[0]) if len(inputs) == 1 and inputs[0] != STDIN else None
    swapped = other is not None and (is_store(other) if store.is_dir() else not other.is_file())
    if store.is_dir() and not swapped:
        return  # a new one, or the store itself says what is wrong
    what = "holds no store" if store.is_dir() else "is a file, and a store is a folder"
    fix = "name its folder, or a new one"
    if swapped:
        right = f"--store {shlex.quote(str(other))} {shlex.quote(str(store))}"
        fix = f"the arguments look swapped, write {right}"
    raise InputError(f"--store {store} {what}: {fix}")


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse a file that exists, unless forced, and a place that cannot hold one."""
    if os.path.exists(path) and not os.path.isfile(path):  # which a long name or a closed folder cannot stop
        raise InputError(f"--out {path} is not a regular file: name a file, or leave --out away to print")
    if os.path.exists(path) and not force:
        raise InputError(f"--out {path} exists: pass --force to replace it, or another name")
    if not os.path.isdir(path.parent):
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
