"""`compositional-rerank rerank`: passages in, ranked passages out."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from typing import TYPE_CHECKING, Any

from compositional_rerank._terminal import columns, fitted, shown
from compositional_rerank._validation import DENIALS
from compositional_rerank.cli._input import (
    INPUT_HELP,
    add_files_argument,
    add_input_option,
    read_passages,
    tell,
)
from compositional_rerank.cli._io import check_store, load_reranker, tell_unverified
from compositional_rerank.cli._options import (
    add_model_options,
    add_policy_options,
    add_store_option,
    bound,
    integer,
    layout,
)
from compositional_rerank.cli._queries import counted, naming, queries_of
from compositional_rerank.inputs.files import STDIN
from compositional_rerank.inputs.forms import Passage

if TYPE_CHECKING:
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.results import RankedPassage, Ranking

_EPILOG = f"""\
{INPUT_HELP}
output, best first; every score keeps its own name:
  relevance  how close the passage is to the query, in [-1, 1]
  closeness  how close the passage's closest sentence is to it; null where it was not judged
  verdict    supports: it says what the query says, or answers it (to a yes/no question: yes);
             denies: it says the opposite (to a yes/no question: no, which is an answer);
             differs: in nearly the query's words it speaks of another thing;
             null where it says nothing of it (silent, in the table), or was not judged
  support    probability of supports; null where it was not judged
  mismatch   probability that it is a near-miss: the query's words, another meaning; null where it was
             not judged (no verifier, keywords, no English prose, too far from the query)
  near_miss  whether the mismatch reaches the threshold; false where it was not judged
  evidence   the characters of the passage that decided, [start, stop]; null where none did
  score      what sorts: relevance, mixed with the order of the input, more for an answer, less for a
             mismatch; with --order retriever the retrieval score (or 1 / log2(1 + rank)), less for
             a near-miss
  --format text is a table, in which a passage begins with its evidence. jsonl is one object a passage,
  json one object for all: query, model, its own threshold, and results. Both name rank, index (place in
  the input, from 0), id, text and retrieval_score, and hand on other fields. With --queries jsonl names
  query and query_id in each object, and json is an array of objects, one a query.

order of the input: the retriever's, best first. retrieval_score says how far apart passages are, if every
passage has one and none is above that of the passage in front of it; if not, their places count.

examples:
  printf '%s\\n' "Paris is closer than Rome." "Rome is nearer than Paris." > passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" --top-n 1 --format json passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" --format jsonl < passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" --store my_store passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" --denials keep passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" --order retriever passages.txt
  compositional-rerank rerank --query "Rome is closer than Paris" --near-misses drop passages.txt
  printf '%s\\n' "Rome is closer than Paris." "Paris is nearer than Rome." > queries.txt
  compositional-rerank rerank --queries queries.txt --format jsonl passages.txt

exit codes: 0 done, 1 no passage is left after the cuts (of any query), 2 bad input or usage
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
    add_files_argument(parser)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--query", metavar="Q", help="question or statement to rank by")
    asked.add_argument(
        "--queries",
        metavar="FILE",
        help="many of them, each of which ranks all passages; read as passages are, - is standard input",
    )
    add_input_option(parser)
    parser.add_argument(
        "--format",
        type=layout,
        choices=("text", "json", "jsonl"),
        default="text",
        help="form of the output (text)",
    )
    keep_all = "leave it out to keep all"
    cuts = parser.add_argument_group("cuts")
    cuts.add_argument("--top-n", type=integer(1, fix=keep_all), metavar="N", help="keep the best N")
    cuts.add_argument(
        "--min-score",
        type=bound(-1e6, 1e6, fix=keep_all),
        metavar="X",
        help="drop passages with a score below X",
    )
    cuts.add_argument(
        "--max-mismatch",
        type=bound(0.0, 1.0, fix=keep_all),
        metavar="P",
        help="drop passages with a mismatch above P, in [0, 1]; unverified ones stay. --near-misses drop is "
        "the same at the model's own threshold",
    )
    add_policy_options(parser.add_argument_group("order and near-misses"))
    reading = parser.add_argument_group("verdicts")
    reading.add_argument(
        "--denials",
        choices=DENIALS,
        default=DENIALS[0],
        help="whether a passage that denies the query is a near-miss: auto for all but yes/no questions, "
        f"keep never, penalise always ({DENIALS[0]})",
    )
    reading.add_argument(
        "--max-verified",
        type=integer(0, fix="leave it out for the model's own number"),
        metavar="N",
        help="judge N passages at most (the model's own number)",
    )
    add_store_option(parser)
    add_model_options(parser.add_argument_group("model"))
    return parser


def run(args: argparse.Namespace) -> int:
    """Rank, print, and say by the exit code whether anything is left."""
    names = args.files or [STDIN]
    queries = queries_of(args, names)
    check_store(args.store, names)
    passages = read_passages(names, args.input)
    if not passages:
        tell("no passage came in")
        if args.format != "json":
            return 1
    reranker = load_reranker(args, args.store)
    tell_unverified(reranker, also="" if args.max_mismatch is None else ", and --max-mismatch drops nothing")
    texts = [passage.text for passage in passages]
    if len(texts) >= _MANY or (len(texts) >= _SOME and sys.stderr.isatty()):
        reranker.encode_passages(texts, show_progress=True)  # into the store, where rerank() finds them
    one, wholes, left = args.queries is None, [], False
    for number, query in enumerate(counted(queries, _SOME), start=1):
        with naming(args, number):
            ranking = _rank(args, reranker, query.text, passages)
        records = [
            _record(rank, result, passages[result.index]) for rank, result in enumerate(ranking, start=1)
        ]
        left = left or bool(records)
        asked = {"query": query.text} if one else {"query": query.text, "query_id": query.id}
        if args.format == "json":
            by = {"model": reranker.name, "threshold": reranker.threshold}
            wholes.append({**asked, **by, "results": records})
        elif args.format == "jsonl":
            for record in records:
                print(json.dumps(record if one else {**record, **asked}))
        else:
            if not one:
                print("\n" * (number > 1) + f"query: {shown(query.text)}")
            for line in _table(ranking, passages, shutil.get_terminal_size((100, 24)).columns):
                print(line)
        if passages and not records:
            which = "" if one else f" of query {number}"
            tell(f"none of the {len(passages)} passages is left after the cuts{which}")
    if args.format == "json":
        print(json.dumps(wholes[0] if one else wholes, indent=2 if sys.stdout.isatty() else None))
    return 0 if left else 1


def _rank(
    args: argparse.Namespace, reranker: CompositionalReranker, query: str, passages: list[Passage]
) -> Ranking:
    return reranker.rerank(
        query,
        [passage.text for passage in passages],
        args.top_n,
        retrieval_scores=[passage.retrieval_score for passage in passages],
        order=args.order,
        near_misses=args.near_misses,
        threshold=args.threshold,
        denials=args.denials,
        max_verified=args.max_verified,
        min_score=args.min_score,
        max_mismatch=args.max_mismatch,
    )


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
        "closeness": result.closeness,
        "verdict": result.verdict,
        "support": result.support,
        "mismatch": result.mismatch,
        "near_miss": result.near_miss,
        "evidence": None if result.evidence is None else list(result.evidence),
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
    if not len(ranking):
        return []
    table: list[tuple[str, list[str]]] = [
        ("rank", [str(rank) for rank in range(1, len(ranking) + 1)]),
        ("score", [f"{result.score:.3f}" for result in ranking]),
        ("relevance", [f"{result.relevance:.3f}" for result in ranking]),
    ]
    if any(result.mismatch is not None for result in ranking):
        table.append(("verdict", [_word(result) for result in ranking]))
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
    texts = ["passage", *(shown(_from_evidence(result)) for result in ranking)]
    return ["  ".join([*row, fitted(text, left)]).rstrip() for row, text in zip(rows, texts, strict=True)]


def _word(result: RankedPassage) -> str:
    return "-" if result.mismatch is None else result.verdict or "silent"


def _from_evidence(result: RankedPassage) -> str:
    """The passage on one line, from its evidence on, where it has some."""
    start = 0 if result.evidence is None else result.evidence[0]
    text = " ".join(result.text[start:].split())
    return f"… {text}" if result.text[:start].strip() else text


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _width(heading: str, cells: list[str]) -> int:
    return max(len(heading), *map(len, cells))
