"""`compositional-rerank playground`: a page in the browser on which to try it."""

from __future__ import annotations

import argparse
from typing import Any

from compositional_rerank.cli._input import tell
from compositional_rerank.cli._options import add_model_options, add_store_option, integer
from compositional_rerank.cli._service import check_can_serve, parts_of

_EPILOG = """\
on the page:
  paste a query and passages, or take an example; choose the order and what becomes of near-misses, and
  move the threshold by hand; see the ranking before and after, verdicts with their evidence, and which
  word met which

Nothing that you paste leaves this machine: the page loads no file from elsewhere and asks nobody but this
command, which listens on this machine alone, keeps no text on disk without --store, and logs none.

examples:
  compositional-rerank playground
  compositional-rerank playground --open
  compositional-rerank playground --port 0 --model my_checkpoint

exit codes: 0 ended by a signal, 2 bad input or usage
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "playground",
        help="try it on a page in the browser",
        description="Serve a page on which to try it, on this machine alone. Needs the extra "
        "compositional-rerank[serve].",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=integer(0, 65535), default=8090, metavar="N", help="port; 0 takes a free one (8090)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in your browser")
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-texts", type=integer(1), default=200, metavar="N", help="passages of a list (200)"
    )
    limits.add_argument(
        "--max-characters",
        type=integer(1),
        default=20_000,
        metavar="N",
        help="of the query, and of a passage (20000)",
    )
    add_store_option(parser)
    add_model_options(parser.add_argument_group("model"))
    return parser


def run(args: argparse.Namespace) -> int:
    """Serve the page until a signal ends it."""
    check_can_serve("playground")
    from compositional_rerank.serving.http.run import LOOPBACK
    from compositional_rerank.serving.http.settings import Settings
    from compositional_rerank.serving.playground.run import play

    settings = Settings(
        **parts_of(args),
        max_texts=args.max_texts,
        max_characters=args.max_characters,
        # in JSON a character takes six bytes at most
        max_bytes=(1 << 20) + 6 * (args.max_texts + 1) * args.max_characters,
        drain=0.0,
    )
    if args.host not in LOOPBACK:
        tell(f"{args.host} can be reached from other machines, and no key is asked for")
    play(settings, args.host, args.port, browser=args.open, tell=tell)
    return 0
