"""The command line: one command, a verb for every job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper

from compositional_rerank.cli._io import suppress_closed_pipe
from compositional_rerank.cli._options import Parser
from compositional_rerank.errors import CompositionalRerankError

PROGRAM = "compositional-rerank"
VERBS = ("rerank", "check", "explain", "warm", "serve", "mcp", "playground", "audit", "train")
"""Each is a module of this package with ``add_parser(subparsers)`` and ``run(args) -> exit code``."""

_EPILOG = """\
examples:
  printf '%s\\n' "Paris is closer than Rome." "Rome is nearer than Paris." > passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" passages.txt
  compositional-rerank warm --store my_store passages.txt
  compositional-rerank explain --query "Rome is closer than Paris" --passage "Paris is closer than Rome."

compositional-rerank VERB --help says more.

exit codes: 0 done, 1 nothing left or a gate failed, 2 bad input or usage, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; None takes them from `sys.argv`.

    Returns:
        The exit code: 0 done, 1 nothing left or a gate failed, 2 bad input or usage, 130 interrupted.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to stop
    code = 0
    try:
        with suppress_closed_pipe():
            code = _run(arguments)
            sys.stdout.flush()
        return code
    except CompositionalRerankError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    # Only the verb's own module is imported, so that one verb's needs never slow or break another.
    verbs = [verb for verb in VERBS if arguments[:1] == [verb]] or VERBS
    parser = Parser(
        prog=PROGRAM,
        description="Rerank passages with MaxSim and reject structural near-misses.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    modules = {verb: import_module(f"{__name__}.{verb}") for verb in verbs}
    for module in modules.values():
        module.add_parser(subparsers)
    try:
        args = parser.parse_args(arguments)
        return int(modules[args.verb].run(args))
    except SystemExit as leave:  # argparse, after --help and --version
        return leave.code if isinstance(leave.code, int) else 0
