"""`compositional-rerank serve`: the reranker over HTTP."""

from __future__ import annotations

import argparse
from typing import Any

from compositional_rerank.cli._input import tell
from compositional_rerank.cli._options import add_model_options, add_store_option, bound, integer
from compositional_rerank.cli._service import check_can_serve, parts_of

_EPILOG = """\
paths; a JSON body each, and what was found (verdict, support, mismatch, evidence) beside the usual fields:
  POST /v2/rerank  /v1/rerank   clients of Cohere, Jina, vLLM
  POST /rerank                  with "texts": clients of TEI; with "documents": the others
  POST /score  /v1/score        clients of vLLM
  POST /v1/embeddings           clients of OpenAI; GET /v1/models
  POST /v1/verify               query, passages: a verdict for each passage
  POST /v1/same_question        cached, new: whether an answer can be served again
  POST /v1/check                answer, passages: which passage says which sentence?
  GET  /healthz  /readyz  /metrics  /openapi.json

keys:
  With --api-keys, or keys in COMPOSITIONAL_RERANK_API_KEYS (parted by blanks), every request but /healthz,
  /readyz and /openapi.json needs the header Authorization: Bearer KEY.

signals:
  TERM   takes requests for --drain seconds more, answers all that it has, then ends
  INT    takes no request more, answers all that it has, then ends

examples:
  compositional-rerank serve
  compositional-rerank serve --port 8080 --store my_store --workers 2
  compositional-rerank serve --host 0.0.0.0 --api-keys keys.txt --backend openvino
  curl http://127.0.0.1:8080/v2/rerank -H "Content-Type: application/json" \\
    -d '{"query": "Rome is closer than Paris.", "documents": ["Paris is closer than Rome."]}'

exit codes: 0 done or ended by a signal, 2 bad input or usage, 3 it could not start
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="answer requests over HTTP",
        description="Answer requests over HTTP, in the shapes that clients of Cohere, Jina, Text Embeddings "
        "Inference, vLLM and OpenAI send. Needs the extra compositional-rerank[serve].",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=integer(0, 65535), default=8080, metavar="N", help="port; 0 takes a free one (8080)"
    )
    parser.add_argument(
        "--workers",
        type=integer(1, 256),
        default=1,
        metavar="N",
        help="processes, each with the model: as many as there are cores is fastest (1)",
    )
    parser.add_argument(
        "--api-keys", metavar="FILE", help="file with a key a line; one that starts with # is a comment"
    )
    parser.add_argument(
        "--log-level",
        choices=("info", "warning"),
        default="info",
        help="info has a line for every request, and no text of it (info)",
    )
    add_store_option(parser)
    _add_limits(parser.add_argument_group("limits"))
    model = parser.add_argument_group("model")
    add_model_options(model)
    model.add_argument(
        "--sensitivity",
        type=bound(0.0, 1.0),
        default=0.0,
        metavar="S",
        help="weight of the structural part in embeddings, in [0, 1] (0: the base model's embeddings)",
    )
    return parser


def _add_limits(limits: argparse._ArgumentGroup) -> None:
    limits.add_argument(
        "--threads",
        type=integer(1, 1000),
        default=8,
        metavar="N",
        help="requests that a worker works on together (8)",
    )
    limits.add_argument(
        "--queue",
        type=integer(0),
        default=64,
        metavar="N",
        help="requests that may wait for a worker; more get status 429 (64)",
    )
    limits.add_argument(
        "--max-texts", type=integer(1), default=1000, metavar="N", help="texts of a request (1000)"
    )
    limits.add_argument(
        "--max-characters", type=integer(1), default=100_000, metavar="N", help="of a text (100000)"
    )
    limits.add_argument(
        "--max-bytes", type=integer(1), default=8 << 20, metavar="N", help="of a request (8388608)"
    )
    limits.add_argument(
        "--timeout",
        type=bound(0.0, 3600.0, inside=True),
        default=60.0,
        metavar="SECONDS",
        help="for a request to come in, and for its answer (60)",
    )
    limits.add_argument(
        "--drain",
        type=bound(0.0, 3600.0),
        default=1.0,
        metavar="SECONDS",
        help="after SIGTERM requests still come in so long, and connections close after their answer (1)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    check_can_serve("serve")
    from compositional_rerank._files import absolute
    from compositional_rerank.serving.http.run import is_open, serve
    from compositional_rerank.serving.http.settings import Settings

    settings = Settings(
        **parts_of(args),
        sensitivity=args.sensitivity,
        key_file=None if args.api_keys is None else absolute(args.api_keys),
        workers=args.workers,
        threads=args.threads,
        queue=args.queue,
        max_texts=args.max_texts,
        max_characters=args.max_characters,
        max_bytes=args.max_bytes,
        timeout=args.timeout,
        drain=args.drain,
    )
    if is_open(settings, args.host):
        tell(f"{args.host} can be reached from other machines, and no key is asked for: see --api-keys")
    return serve(settings, args.host, args.port, args.log_level, tell)
