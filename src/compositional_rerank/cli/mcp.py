"""`compositional-rerank mcp`: the reranker as tools for agents, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import Any

from compositional_rerank.cli._input import tell
from compositional_rerank.cli._io import check_store, load_reranker, tell_unverified
from compositional_rerank.cli._options import add_model_options, add_store_option, integer
from compositional_rerank.errors import InputError, MissingDependencyError

_HOST, _PORT, _MOST_PASSAGES = "127.0.0.1", 8001, 1000
_HTTP = "streamable-http"
_EPILOG = """\
tools; each has typed, structured output:
  rerank         passages for a query, best first, with verdicts and evidence
  verify         a verdict for every passage
  check_answer   which passage says each sentence of an answer, and which denies it
  same_question  whether the answer to one question answers another

A client that starts its servers itself needs this in its settings, under the name that it gives to servers:
  {"mcpServers": {"compositional-rerank": {"command": "compositional-rerank", "args": ["mcp"]}}}
The page docs/guides/mcp.md has the settings of common clients.

The model is loaded once, before the first answer. Standard output holds the protocol and nothing else.
Over HTTP there is no password: whoever reaches the address can ask.

examples:
  compositional-rerank mcp
  compositional-rerank mcp --store my_store --backend openvino
  compositional-rerank mcp --transport streamable-http --port 8001

exit codes: 0 the client hung up, or over HTTP a signal came; 2 bad input or usage
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "mcp",
        help="serve agents over the Model Context Protocol",
        description="Serve agents over the Model Context Protocol (MCP): they call the reranker as a tool.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--transport",
        choices=("stdio", _HTTP),
        default="stdio",
        help="stdio for a client that starts this command, streamable-http for any number of them (stdio)",
    )
    parser.add_argument("--host", metavar="H", help=f"with {_HTTP}: name or address to listen on ({_HOST})")
    parser.add_argument(
        "--port",
        type=integer(0, 65535),
        metavar="N",
        help=f"with {_HTTP}: port, 0 for any free one; the address ends in /mcp ({_PORT})",
    )
    parser.add_argument(
        "--max-passages",
        type=integer(1),
        default=_MOST_PASSAGES,
        metavar="N",
        help=f"refuse calls with more passages ({_MOST_PASSAGES})",
    )
    add_store_option(parser)
    add_model_options(parser.add_argument_group("model"))
    return parser


def run(args: argparse.Namespace) -> int:
    """Load the model, and serve until the client hangs up or a signal comes."""
    for name in ("host", "port"):
        if args.transport == "stdio" and getattr(args, name) is not None:
            raise InputError(f"--{name} goes with --transport {_HTTP}: add that, or leave --{name} out")
    check_store(args.store)
    if find_spec("mcp") is None:
        raise MissingDependencyError(
            "the package mcp is not installed: pip install 'compositional-rerank[mcp]'"
        )
    with redirect_stdout(sys.stderr):  # the protocol alone belongs on stdout
        from compositional_rerank.serving.mcp import build_server, serve_http, serve_stdio

        reranker = load_reranker(args, args.store)
        tell_unverified(reranker)
        server = build_server(reranker, args.max_passages)
    if args.transport == "stdio":
        if sys.stdin.isatty():
            tell("waiting for the messages of an MCP client on standard input; see --help for its settings")
        serve_stdio(server)
    else:
        serve_http(server, args.host or _HOST, _PORT if args.port is None else args.port, tell)
    return 0
