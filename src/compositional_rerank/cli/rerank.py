"""`compositional-rerank rerank`: passages in, ranked passages out."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compositional_rerank._terminal import columns, fitted, shown
from compositional_rerank._validation import check_query
from compositional_rerank.cli._io import (
    STDIN,
    Passage,
    add_model_options,
    bound,
    count,
    load_reranker,
    read_passages,
)

if TYPE_CHECKING:
    from compositional_rerank.results import RankedPassage, Ranking

_EPILOG = """\
input:
  text   one passage per line; blank lines are skipped
  JSONL  one object per line: "text", and optionally "id" and "retrieval_score" (or "score");
         other fields are handed on to JSONL output

output, best first; every score keeps its own name:
  relevance  how close the passage is to the query, in [-1, 1]
  mismatch   probability that it is a near-miss: the query's words, another meaning;
             null where it was not verified (no verifier, or too far from the query)
  score      what sorts: relevance, less the penalty of a mismatch

examples:
  compositional-rerank rerank --query "Rome is closer than Paris" passages.txt
  retrieve "cheap flights" | compositional-rerank rerank --query "cheap flights" --format jsonl --top-n 5
  compositional-rerank rerank --store my_store --query "cheap flights" hits.jsonl
  compositional-rerank rerank --query "Is it safe for children?" --max-mismatch 0.5 hits.jsonl

exit codes: 0 done, 1 no passage is left after the cuts, 2 bad input or usage
"""
_MANY = 500  # passages from which progress is worth a line even where nobody may be watching
_SOME = 32


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "rerank",
        help="rank passages for a query",
        description="Rank passages for a query. No passage is dropped unless a cut is asked for.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", nargs="?", default=STDIN, metavar="FILE", help="passages; - (the default) is standard input"
    )
    parser.add_argument("--query", required=True, metavar="Q", help="question or statement to rank by")
    parser.add_argument(
        "--input",
        choices=("auto", "text", "jsonl"),
        default="auto",
        help="form of the input (by its first line)",
    )
    parser.add_argument(
        "--format", choices=("table", "jsonl"), default="table", help="form of the output (table)"
    )
    cuts = parser.add_argument_group("cuts")
    cuts.add_argument("--top-n", type=count, metavar="N", help="keep the best N")
    cuts.add_argument(
        "--min-score",
        type=bound(-1e6, 1e6),
        metavar="X",
        help="drop passages with a score below X",
    )
    cuts.add_argument(
        "--max-mismatch",
        type=bound(0.0, 1.0),
        metavar="P",
        help="drop passages with a mismatch above P, in [0, 1]; unverified ones stay",
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="folder where encoded passages are kept; see warm (memory)"
    )
    add_model_options(parser.add_argument_group("model"))  # type: ignore[arg-type]
    return parser


def run(args: argparse.Namespace) -> int:
    """Rank, print, and say by the exit code whether anything is left."""
    query = check_query(args.query)
    passages = read_passages(args.file, args.input)
    if not passages:
        print("no passage came in", file=sys.stderr)
        return 1
    reranker = load_reranker(args, args.store)
    if args.max_mismatch is not None and reranker.verifier is None:
        print(f"--max-mismatch drops nothing: {reranker.name} has no verifier", file=sys.stderr)
    texts = [passage.text for passage in passages]
    if len(texts) >= _MANY or (len(texts) >= _SOME and sys.stderr.isatty()):
        reranker.encode_passages(texts, show_progress=True)  # into the store, where rerank() finds them
    ranking = reranker.rerank(
        query,
        texts,
        args.top_n,
        retrieval_scores=[passage.retrieval_score for passage in passages],
        min_score=args.min_score,
        max_mismatch=args.max_mismatch,
    )
    if len(ranking) == 0:
        print(f"none of the {len(passages)} passages is left after the cuts", file=sys.stderr)
        return 1
    if args.format == "jsonl":
        for rank, result in enumerate(ranking, start=1):
            print(json.dumps(_record(rank, result, passages[result.index])))
    else:
        for line in _table(ranking, passages, shutil.get_terminal_size((100, 24)).columns):
            print(line)
    return 0


def _record(rank: int, result: RankedPassage, passage: Passage) -> dict[str, Any]:
    given = result.retrieval_score
    return {
        **_finite(passage.extra),
        "rank": rank,
        "index": result.index,
        "id": passage.id,
        "text": result.text,
        "retrieval_score": given if given is not None and math.isfinite(given) else None,
        "relevance": result.relevance,
        "mismatch": result.mismatch,
        "score": result.score,
    }


def _finite(value: Any) -> Any:
    """A JSON value with null for NaN and infinities, which JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def _table(ranking: Ranking, passages: list[Passage], width: int) -> list[str]:
    """Aligned columns; those without any value are left out, and the passage is cut to what is left."""
    table: list[tuple[str, list[str]]] = [
        ("rank", [str(rank) for rank in range(1, len(ranking) + 1)]),
        ("score", [f"{result.score:.3f}" for result in ranking]),
        ("relevance", [f"{result.relevance:.3f}" for result in ranking]),
    ]
    if any(result.mismatch is not None for result in ranking):
        table.append(("mismatch", [_number(result.mismatch, ".3f") for result in ranking]))
    if any(result.retrieval_score is not None for result in ranking):
        table.append(("retrieval", [_number(result.retrieval_score, ".4g") for result in ranking]))
    names = [passages[result.index].id for result in ranking]
    rows = [[heading.rjust(_width(heading, cells)) for heading, cells in table]]
    rows += [
        [cells[place].rjust(_width(heading, cells)) for heading, cells in table]
        for place in range(len(ranking))
    ]
    if any(name is not None for name in names):
        cells = ["id", *("" if name is None else shown(str(name)) for name in names)]
        wide = min(max(map(columns, cells)), 24)
        rows = [[*row, fitted(cell, wide)] for row, cell in zip(rows, cells, strict=True)]
    left = max(width - sum(map(columns, rows[0])) - 2 * len(rows[0]), 20)
    texts = ["passage", *(shown(result.text) for result in ranking)]
    return ["  ".join([*row, fitted(text, left)]).rstrip() for row, text in zip(rows, texts, strict=True)]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _width(heading: str, cells: list[str]) -> int:
    return max(len(heading), *map(len, cells))
