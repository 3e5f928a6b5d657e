"""`compositional-rerank audit`: recall and near-miss rejection, measured together."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compositional_rerank._validation import BACKENDS
from compositional_rerank.errors import InputError

if TYPE_CHECKING:
    from compositional_rerank.audit.run import AuditSettings

_EPILOG = """\
examples:
  compositional-rerank audit
  compositional-rerank audit --beir data/nfcorpus --triples my_triples.jsonl --out report
  compositional-rerank audit --against my-finetuned-model --beir data/nfcorpus:test --max-recall-drop 0.01

exit codes: 0 done and every gate passed, 1 a gate failed, 2 bad data or settings
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "audit",
        help="measure recall and near-miss rejection of a model together",
        description="Measure recall and near-miss rejection together, before and after a change. "
        "Without any data, the built-in suite is used.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    systems = parser.add_argument_group("systems")
    systems.add_argument(
        "--model", metavar="M", help="model or checkpoint of both stages (the shipped default)"
    )
    systems.add_argument(
        "--against", metavar="M2", help="a second embedding model, for example a fine-tuned one"
    )
    systems.add_argument("--cross-encoder", metavar="M3", help="a sentence-transformers CrossEncoder")
    systems.add_argument(
        "--sensitivity",
        type=float,
        metavar="S",
        help="measure stage one with its structural part, 0 to 1, as `against`; cosine is without",
    )
    systems.add_argument("--device", help="torch device, such as cpu or cuda")
    systems.add_argument(
        "--backend", choices=BACKENDS, default=BACKENDS[0], help="what computes stage two (torch)"
    )
    data = parser.add_argument_group("data (a path, or owner/name[:split] on the hub; repeatable)")
    data.add_argument("--beir", action="append", default=[], metavar="DIR[:split]", help="BEIR folder")
    data.add_argument("--pairs", action="append", default=[], metavar="F", help="JSONL: text1 text2 same")
    data.add_argument(
        "--triples", action="append", default=[], metavar="F", help="JSONL: anchor positive negative"
    )
    data.add_argument("--contrast", action="append", default=[], metavar="F", help="JSONL: q1 q2 doc1 doc2")
    data.add_argument("--suite", metavar="NAME", help="near-misses that the package ships: builtin")
    work = parser.add_argument_group("work")
    work.add_argument(
        "--depth", type=int, default=100, metavar="N", help="documents reranked for a query (100)"
    )
    work.add_argument(
        "--limit-queries", type=int, metavar="N", help="random sample of each collection's queries"
    )
    work.add_argument("--seed", type=int, default=0, metavar="S", help="seed of samples and intervals (0)")
    work.add_argument(
        "--store", type=Path, metavar="DIR", help="store of token vectors, to measure what its precision does"
    )
    work.add_argument("--cache", type=Path, metavar="DIR", help="where embeddings are kept between runs")
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=("table", "json"), default="table", help="what to print (table)")
    output.add_argument(
        "--out", type=Path, metavar="DIR", help="write audit.json, audit.md and audit.html here"
    )
    gate = parser.add_argument_group("gate (exit code 1 where a limit is broken)")
    gate.add_argument(
        "--max-recall-drop", type=float, metavar="X", help="largest loss of nDCG@10 or recall@100"
    )
    gate.add_argument(
        "--min-rejection", type=float, metavar="Y", help="smallest share of near-misses rejected"
    )
    return parser


def settings_of(args: argparse.Namespace) -> AuditSettings:
    """The audit's settings from parsed arguments.

    Raises:
        InputError: a value is out of range.
    """
    from compositional_rerank.audit.run import AuditSettings

    return AuditSettings(
        model=args.model,
        against=args.against,
        cross_encoder=args.cross_encoder,
        sensitivity=args.sensitivity,
        beir=tuple(args.beir),
        pairs=tuple(args.pairs),
        triples=tuple(args.triples),
        contrast=tuple(args.contrast),
        suite=args.suite,
        depth=args.depth,
        limit_queries=args.limit_queries,
        seed=args.seed,
        device=args.device,
        backend=args.backend,
        store=args.store,
        cache=args.cache,
        max_recall_drop=args.max_recall_drop,
        min_rejection=args.min_rejection,
    )


def run(args: argparse.Namespace) -> int:
    """Run the audit.

    Returns:
        0 where everything passed, 1 where a gate failed, 130 where it was interrupted.

    Raises:
        CompositionalRerankError: data or settings cannot be used; the dispatcher makes it exit code 2.
    """
    from compositional_rerank.audit.report import table, to_json, write
    from compositional_rerank.audit.run import run_audit

    settings = settings_of(args)
    if args.out is not None:
        _make_folder(args.out)
    try:
        result = run_audit(settings)
        if args.out is not None:
            write(result, args.out)
    except KeyboardInterrupt:
        print("stopped; embeddings made so far are kept, run the command again to go on", file=sys.stderr)
        return 130
    print(to_json(result.report) if args.format == "json" else table(result.report))
    for line in result.gate:
        print(line, file=sys.stderr)
    return 0 if result.passed else 1


def _make_folder(folder: Path) -> None:
    """Find out that the report cannot be written before hours of work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--out {folder}: {reason}; choose a folder that can be written to") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"--out {folder} is not writable; choose a folder that can be written to")
