"""What `rerank` is asked: one query, or a file of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from compositional_rerank._validation import check_query
from compositional_rerank.cli._input import read_lines
from compositional_rerank.errors import InputError
from compositional_rerank.inputs.files import STDIN
from compositional_rerank.inputs.forms import Passage


def queries_of(args: argparse.Namespace, names: Sequence[str]) -> list[Passage]:
    """The queries, all of them checked.

    Args:
        args: with ``query`` or ``queries``, the name of a file.
        names: where the passages come from.

    Raises:
        InputError: there is none, one is blank, or queries and passages are both standard input.
        DataError: the file cannot be read.
    """
    if args.queries is None:
        return [Passage(check_query(args.query))]
    if args.queries == STDIN and STDIN in names:
        raise InputError("--queries - and the passages are both standard input: name a file of passages")
    queries = read_lines(args.queries)
    if not queries:
        raise InputError(f"--queries {args.queries} holds no query: write one a line")
    for number, query in enumerate(queries, start=1):
        with naming(args, number):
            check_query(query.text)
    return queries


@contextmanager
def naming(args: argparse.Namespace, number: int) -> Iterator[None]:
    """Errors about a query say which one of the file it is."""
    try:
        yield
    except InputError as error:
        if args.queries is None:
            raise
        raise InputError(f"--queries {args.queries}, query {number}: {error}") from error


def counted(queries: list[Passage], many: int) -> Iterable[Passage]:
    """The queries; with a bar on stderr from ``many`` on, where stdout goes elsewhere."""
    if len(queries) < many or sys.stdout.isatty() or not sys.stderr.isatty():
        return queries
    from tqdm.auto import tqdm

    return cast(Iterable[Passage], tqdm(queries, desc="Ranking", unit="query"))
