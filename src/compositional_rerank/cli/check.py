"""`compositional-rerank check`: what passages say of the sentences of an answer."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import Any

from compositional_rerank._validation import check_answer
from compositional_rerank.cli._input import (
    INPUT_HELP,
    add_files_argument,
    add_input_option,
    read_one,
    read_passages,
    tell,
)
from compositional_rerank.cli._io import check_store, load_reranker, show
from compositional_rerank.cli._options import add_model_options, add_store_option, bound, integer
from compositional_rerank.errors import InputError
from compositional_rerank.inputs.files import STDIN

_EPILOG = f"""\
{INPUT_HELP}
output, a line for each sentence of the answer:
  supports     a passage says it, and none clearly denies it
  denies       no passage says it, and one says the opposite
  differs      in nearly the same words a passage speaks of another thing
  conflicting  one passage says it, another clearly denies it: both are quoted
  no source    no passage says anything of it
  -            nothing to check: a question, a heading, a table, code, another language
  Below it stand the words of the passages that decided. --format json has all passages, best first:
  index (place in the input, from 0), id, verdict, support, denial, mismatch, evidence (the characters that
  decided) and quote (the same as words); and of each sentence its text, span (its characters in the answer),
  claim (what was checked), verdict and read (how many passages were read with it).
  faithfulness is the share of the checked sentences that are supported.

examples:
  printf '%s\\n' "The office is closed on Sundays." "Dogs are not allowed in the office." > rules.txt
  compositional-rerank check --answer "The office is closed on Sundays." rules.txt
  compositional-rerank check --answer "Dogs are allowed in the office." --format json rules.txt
  printf '%s\\n' "The office is closed on Sundays." > answer.md
  compositional-rerank check --answer-file answer.md --min-faithfulness 1 rules.txt

exit codes: 0 done, 1 a passage denies a sentence or differs from it, or too few are supported,
            2 bad input or usage
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="check a generated answer against passages",
        description="Check each sentence of a generated answer: which passage says it, which denies it? "
        "The model must have a verifier.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_files_argument(parser)
    answer = parser.add_mutually_exclusive_group(required=True)
    answer.add_argument("--answer", metavar="A", help="the answer itself")
    answer.add_argument(
        "--answer-file", metavar="FILE", help="file that holds the answer; - is standard input"
    )
    add_input_option(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="form of the output (text)"
    )
    parser.add_argument(
        "--max-verified",
        type=integer(1, fix="leave it out for the model's own number"),
        metavar="N",
        help="read N passages at most with each sentence, the closest first (the model's own number)",
    )
    parser.add_argument(
        "--min-faithfulness",
        type=bound(0.0, 1.0, fix="leave it out to allow any"),
        metavar="P",
        help="exit code 1 where a smaller share of the checked sentences is supported, in [0, 1]",
    )
    add_store_option(parser)
    add_model_options(parser.add_argument_group("model"))
    return parser


def run(args: argparse.Namespace) -> int:
    """Check, print, and say by the exit code whether something is wrong."""
    names = args.files or [STDIN]
    if args.answer_file == STDIN and STDIN in names:
        raise InputError("--answer-file - and the passages are both standard input: name a file of passages")
    answer = check_answer(
        args.answer if args.answer_file is None else read_one(args.answer_file, "the answer", "--answer")
    )
    check_store(args.store, names)
    passages = read_passages(names, args.input)
    if not passages:
        tell("no passage came in: no sentence has a source")
    reranker = load_reranker(args, args.store)
    checked = reranker.check(answer, [passage.text for passage in passages], max_verified=args.max_verified)
    if args.format == "json":
        record = {"model": reranker.name, "threshold": reranker.threshold, **checked.to_dict()}
        for sentence in record["sentences"]:
            for found in sentence["passages"]:
                found["id"] = passages[found["index"]].id
        text = json.dumps(record, indent=2 if sys.stdout.isatty() else None)
    else:
        from compositional_rerank.checking import to_text

        called = [
            str(number) if passage.id is None else str(passage.id)
            for number, passage in enumerate(passages, start=1)
        ]
        text = to_text(checked, shutil.get_terminal_size((100, 24)).columns, called).removesuffix("\n")
    share = checked.faithfulness
    few = args.min_faithfulness is not None and share is not None and share < args.min_faithfulness
    code = int(few or bool(checked.flagged))
    show(text)
    return code
