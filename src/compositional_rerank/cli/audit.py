"""`compositional-rerank audit`: recall and near-miss rejection, measured together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compositional_rerank._files import make_folder
from compositional_rerank.cli._input import tell
from compositional_rerank.cli._io import check_store, show, without_warnings
from compositional_rerank.cli._options import (
    SEEDS,
    add_model_options,
    add_policy_options,
    bound,
    integer,
    layout,
    place,
    store_place,
)
from compositional_rerank.errors import InputError

if TYPE_CHECKING:
    from compositional_rerank.audit.run import AuditSettings

_EPILOG = """\
examples:
  compositional-rerank audit
  printf '%s\\n' '{"text1": "Rome is nearer", "text2": "Rome is closer", "same": 1}' > pairs.jsonl
  printf '%s\\n' '{"text1": "Rome is nearer", "text2": "Rome is farther", "same": 0}' >> pairs.jsonl
  compositional-rerank audit --pairs pairs.jsonl
  compositional-rerank audit --pairs pairs.jsonl --format json --out report

with a BEIR folder (corpus.jsonl, queries.jsonl, qrels/test.tsv) and an embedding model of your own,
exit code 1 if the model finds less than the one before:
  compositional-rerank audit --beir my_collection --against my_model --max-recall-drop 0

Judgements of documents that the corpus lacks stay, as in BEIR: a relevant one counts as not found.
Judgements of queries that are not there are left out. Both are counted in the report.

exit codes: 0 done and every gate passed, 1 a gate failed, 2 bad data or settings
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "audit",
        help="measure recall and near-miss rejection of a model together",
        description="Measure recall and near-miss rejection together, before and after a change.\n"
        "Without any data, the suite `natural` is used.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    systems = parser.add_argument_group("systems")
    add_model_options(systems, encodes=True)
    systems.add_argument(
        "--against", metavar="M2", help="a second embedding model, for example a fine-tuned one"
    )
    systems.add_argument("--cross-encoder", metavar="M3", help="a sentence-transformers CrossEncoder")
    systems.add_argument(
        "--sensitivity",
        type=bound(0, 1, fix="leave it out to measure stage one without"),
        metavar="S",
        help="measure stage one with its structural part, weighted by S in [0, 1], as `against`; cosine is "
        "without",
    )
    add_policy_options(parser.add_argument_group("order and near-misses, of two_stage"))
    data = parser.add_argument_group("data (a path, or owner/name[:split] on the hub; repeatable)")
    data.add_argument("--beir", action="append", default=[], metavar="DIR[:split]", help="BEIR folder")
    data.add_argument("--pairs", action="append", default=[], metavar="F", help="JSONL: text1 text2 same")
    data.add_argument(
        "--triples", action="append", default=[], metavar="F", help="JSONL: anchor positive negative"
    )
    data.add_argument("--contrast", action="append", default=[], metavar="F", help="JSONL: q1 q2 doc1 doc2")
    data.add_argument(
        "--answers", action="append", default=[], metavar="F", help="JSONL: query answers near_misses (lists)"
    )
    data.add_argument(
        "--nli", action="append", default=[], metavar="F", help="JSONL: premise hypothesis label"
    )
    data.add_argument(
        "--suite",
        metavar="NAME",
        help="set that the package ships: natural (questions and passages)",
    )
    work = parser.add_argument_group("work")
    work.add_argument(
        "--depth", type=integer(1), default=100, metavar="N", help="documents reranked for a query (100)"
    )
    work.add_argument(
        "--limit-queries",
        type=integer(1, fix="leave it out for all queries"),
        metavar="N",
        help="random sample of each collection's queries (all)",
    )
    work.add_argument(
        "--seed", type=integer(0, SEEDS), default=0, metavar="S", help="seed of samples and intervals (0)"
    )
    work.add_argument(
        "--store",
        type=store_place,
        metavar="PLACE",
        help="store of token vectors, to measure what its precision does; a folder or redis://...",
    )
    work.add_argument("--cache", type=place, metavar="DIR", help="where embeddings are kept between runs")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format", type=layout, choices=("text", "json"), default="text", help="form of the output (text)"
    )
    output.add_argument(
        "--out", type=place, metavar="DIR", help="write audit.json, audit.md and audit.html here"
    )
    gate = parser.add_argument_group("gate (exit code 1 where a limit is broken)")
    no_gate = "leave it out for no gate"
    gate.add_argument(
        "--max-recall-drop",
        type=bound(0, 1, fix=no_gate),
        metavar="X",
        help="largest loss of nDCG@10 or recall@100, in [0, 1]",
    )
    gate.add_argument(
        "--min-rejection",
        type=bound(0, 1, fix=no_gate),
        metavar="Y",
        help="smallest share of near-misses rejected, in [0, 1]",
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
        encoder=args.encoder,
        verifier=args.verifier,
        against=args.against,
        cross_encoder=args.cross_encoder,
        sensitivity=args.sensitivity,
        beir=tuple(args.beir),
        pairs=tuple(args.pairs),
        triples=tuple(args.triples),
        contrast=tuple(args.contrast),
        answers=tuple(args.answers),
        nli=tuple(args.nli),
        suite=args.suite,
        depth=args.depth,
        order=args.order,
        near_misses=args.near_misses,
        threshold=args.threshold,
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
    check_store(args.store)
    if args.out is not None:
        _make_folder(args.out)
    try:
        with without_warnings():
            result = run_audit(settings, tell)
    except KeyboardInterrupt:
        tell("stopped; embeddings made so far are kept, run the command again to go on")
        return 130
    for line in result.gate:
        tell(str(line))
    code = 0 if result.passed else 1
    try:
        if args.out is not None:
            write(result, args.out)
    except (OSError, UnicodeError) as error:
        raise InputError(f"--out {args.out}: the report cannot be written: {error}") from error
    finally:  # the figures of hours are shown in any case
        show(to_json(result.report) if args.format == "json" else table(result.report))
    return code


def _make_folder(folder: Path) -> None:
    """Find out that the report cannot be written before hours of work, not after."""
    try:
        make_folder(folder)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--out {folder}: {reason}; choose a folder that can be written to") from error
