"""What every verb says of its input, and how it reads it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from compositional_rerank.inputs import files
from compositional_rerank.inputs.files import FORMS
from compositional_rerank.inputs.forms import Passage

INPUT_HELP = """\
input, in UTF-8; rerank, check, warm and train --corpus read it in the same way:
  .txt            one passage a paragraph if blank lines part it, else one a line
  .md             one passage a paragraph
  .jsonl .ndjson  one object a line: "text", and where known "id" and "retrieval_score" (or "score")
  .json           an array of strings, or of such objects
  .csv            a header, and the passages in its column text, passage, content or body
  .parquet        such a column (pip install pyarrow); of the others only id and score are read
  a folder        all files of these kinds in it and below; names that start with a dot are left out
  -               standard input: one passage a line, unless it starts as JSON or CSV does
Other names are read as .txt; it, too, is JSON or CSV if it starts so. --input lines and --input
paragraphs say how text is to be read, whatever its name.
"""


def add_files_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``FILE ...``, the passages of a verb."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="passages: files, folders, or - (the default) for standard input",
    )


def add_input_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--input``."""
    parser.add_argument(
        "--input", choices=FORMS, default=FORMS[0], help="form of the input (by its name, or by its start)"
    )


def tell(what: str) -> None:
    """Say something on stderr."""
    print(what, file=sys.stderr)


def read_passages(names: Sequence[str], form: str = FORMS[0]) -> list[Passage]:
    """`files.read_passages`, which says on stderr what the user should know."""
    return files.read_passages(names, form, tell)


def read_lines(name: str) -> list[Passage]:
    """What a file holds, plain text a line each, whatever blank lines part."""
    return files.read_passages([name], "auto", tell, by_line=True)


def read_one(name: str, what: str, option: str) -> str:
    """`files.read_one`, which says on stderr what the user should know."""
    return files.read_one(name, what, option, tell)
