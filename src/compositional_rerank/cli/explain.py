"""`compositional-rerank explain`: what one passage says of a query, and which word met which."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import Any

from compositional_rerank._validation import check_query
from compositional_rerank.cli._input import read_one, tell
from compositional_rerank.cli._io import check_writable, load_reranker, tell_unverified, write_file
from compositional_rerank.cli._options import add_model_options, place

_FORMATS = {".html": "html", ".htm": "html", ".json": "json"}
_EPILOG = """\
input of --passage-file, in UTF-8:
  one passage: all of a text, or the only one of a file of JSON lines, JSON or CSV

examples:
  compositional-rerank explain --query "Rome is closer than Paris" --passage "Paris is closer than Rome."
  printf '%s\\n' "The syrup is not safe for children." > leaflet.txt
  compositional-rerank explain --query "The syrup is safe" --passage-file leaflet.txt --out leaflet.html
  compositional-rerank explain --query "The syrup is safe" --passage-file - --format json < leaflet.txt

The page that --out FILE.html writes underlines the evidence, needs no network and runs no script:
open it in any browser.

exit codes: 0 done, 2 bad input or usage
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "explain",
        help="show what a passage says of a query, and which word met which",
        description="Show what a passage says of a query and where, which word met which, and the scores.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--query", required=True, metavar="Q", help="question or statement")
    passage = parser.add_mutually_exclusive_group(required=True)
    passage.add_argument("--passage", metavar="P", help="the passage itself")
    passage.add_argument(
        "--passage-file", metavar="FILE", help="file that holds the passage; - is standard input"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "html"),
        help="form of the output (by the name of --out, else text)",
    )
    parser.add_argument("--out", type=place, metavar="FILE", help="write here and not to standard output")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    add_model_options(parser.add_argument_group("model"))
    return parser


def run(args: argparse.Namespace) -> int:
    """Explain one pair."""
    query = check_query(args.query)
    form = args.format or (_FORMATS.get(args.out.suffix.lower(), "text") if args.out else "text")
    if args.out is not None:
        check_writable(args.out, force=args.force)
    passage = (
        args.passage if args.passage_file is None else read_one(args.passage_file, "the passage", "--passage")
    )
    reranker = load_reranker(args)
    tell_unverified(reranker)
    from compositional_rerank.explaining import explain, to_html, to_text

    explanation = explain(reranker, query, passage)
    if form == "html":
        output = to_html(explanation)
    elif form == "json":
        output = explanation.to_json(indent=2 if sys.stdout.isatty() else None) + "\n"
    else:
        width = 100 if args.out else shutil.get_terminal_size((100, 24)).columns
        output = to_text(explanation, width)
    if args.out is None:
        print(output, end="")
    else:
        write_file(args.out, output, force=args.force)
        tell(f"wrote {args.out}")
    return 0
