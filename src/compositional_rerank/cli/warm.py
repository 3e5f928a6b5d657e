"""`compositional-rerank warm`: encode passages once, into a store."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from compositional_rerank._terminal import shown
from compositional_rerank._validation import ENGINES
from compositional_rerank.cli._input import (
    INPUT_HELP,
    add_files_argument,
    add_input_option,
    read_passages,
    tell,
)
from compositional_rerank.cli._io import check_store, load_reranker
from compositional_rerank.cli._options import add_model_options, integer, place
from compositional_rerank.errors import InputError
from compositional_rerank.inputs.files import STDIN

if TYPE_CHECKING:
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.store import FileStore

_NAMED = 5  # of the passages that could not be encoded

_EPILOG = f"""\
{INPUT_HELP}
A passage is found again by its exact text: warm the very passages that you will rank. Where a splitter
cuts your documents, warm what comes out of it: with the warmers of the LangChain and LlamaIndex
adapters, or as JSON lines.

dtypes, for passages of 128 tokens with the shipped model's vectors of 320 components:
  float32  about 166 KB a passage
  float16  about  83 KB
  int8     about  42 KB (the default): the top of the ranking hardly ever changes
  int4     about  21 KB
  int3     about  16 KB

examples:
  printf '%s\\n' "Paris is closer than Rome." "Rome is nearer than Paris." > passages.txt
  compositional-rerank warm --store my_store passages.txt
  compositional-rerank rerank --store my_store --query "Rome is closer than Paris" passages.txt
  compositional-rerank warm --store my_store --compact     # drop what was replaced or damaged

In Python: CompositionalReranker.from_pretrained(store="my_store").

Stopped by Ctrl-C or a crash, the same command goes on where it was. A store may be read and written
meanwhile. Passages that another model or dtype encoded are not found; they stay until you delete the folder.

A batch that fails is tried again, then passage by passage; those that fail alone are named and left out.

several machines (pip install 'compositional-rerank[ray]' on each):
  ray start --head                           # on the first; it prints what to run on the others
  compositional-rerank warm --store my_store --engine ray --actors 8 my_docs/
Files and the store are this machine's; the others only encode, each actor with its own copy of the model
(about 0.6 GB), which their disks must hold under the same name. RAY_ADDRESS names another cluster; without
any, Ray starts on this machine. A machine that is lost costs the chunks it was at, which others encode.

exit codes: 0 done, 1 some passages could not be encoded, 2 bad input, full disk, lost cluster or usage,
130 interrupted
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "warm",
        help="encode passages into a store, so that queries need not",
        description="Encode passages into a store, so that a query only encodes itself.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_files_argument(parser)
    parser.add_argument(
        "--store", required=True, type=place, metavar="DIR", help="folder of the store; made where missing"
    )
    parser.add_argument(
        "--dtype",
        metavar="T",
        help="float32, float16, int8, int4 or int3 (the store's own, int8 for a new one)",
    )
    add_input_option(parser)
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help=f"what encodes: this process, or a Ray cluster ({ENGINES[0]})",
    )
    parser.add_argument(
        "--actors",
        type=integer(1),
        metavar="N",
        help="with ray: processes that encode (one for each GPU of the cluster, or for each core)",
    )
    parser.add_argument(
        "--compact",
        action="store_true",
        help="then write the store anew without replaced and damaged passages",
    )
    add_model_options(parser.add_argument_group("model"), verifies=False)
    return parser


def run(args: argparse.Namespace) -> int:
    """Fill the store, compact it if asked to, and say what it holds."""
    names = args.files or ([] if args.compact else [STDIN])
    check_store(args.store, names)
    if args.actors is not None and args.engine != "ray":
        raise InputError("--actors goes with --engine ray: add it, or leave --actors out")
    passages = [passage.text for passage in read_passages(names, args.input)]
    texts = list(dict.fromkeys(passages))
    from compositional_rerank.store import FileStore

    with FileStore(args.store, args.dtype) as store:
        if store.read_only:
            raise InputError(f"--store {args.store} cannot be written to: choose another folder")
        equal = len(passages) - len(texts)
        code = _fill(args, load_reranker(args, store), store, texts, equal) if texts else 0
        if args.compact and code == 0:
            print(f"{_size(store.compact())} freed")
        held = store.describe()
        each = f", {held['bytes'] / held['passages']:,.0f} bytes each" if held["passages"] else ""
        print(f"{args.store}: {held['passages']:,} passages, {_size(held['bytes'])}{each} ({held['dtype']})")
    return code


def _fill(
    args: argparse.Namespace, reranker: CompositionalReranker, store: FileStore, texts: list[str], equal: int
) -> int:
    """Encode what the store lacks, and say what was skipped; the exit code."""
    from tqdm.auto import tqdm

    from compositional_rerank.store import token_key
    from compositional_rerank.warming import warm

    held = len(store)

    def held_of(some: list[str]) -> list[bool]:
        return store.holds([token_key(reranker.encoder.fingerprint, text, store.dtype) for text in some])

    there = held_of(texts)
    new = [text for text, is_there in zip(texts, there, strict=True) if not is_there]
    known = len(texts) - len(new)
    if held and new and not known:
        tell(
            f"none of these passages is among the {held:,} of {store.path}: those are other texts, or of "
            "another model or backend"
        )
    bar = tqdm(total=len(texts), initial=known, desc="Warming", unit=" passages", disable=None)
    tokens, start = 0, time.monotonic()

    def show(more: int, more_tokens: int) -> None:
        nonlocal tokens
        tokens += more_tokens
        bar.set_postfix_str(f"{tokens / (time.monotonic() - start):,.0f} tokens/s", refresh=False)
        bar.update(more)

    try:
        with bar:
            done = warm(reranker, new, engine=args.engine, actors=args.actors, progress=show)
    except KeyboardInterrupt:
        left = held_of(new).count(False)  # not by `bar`: the disk may be a chunk ahead of it
        tell(f"\nstopped with {left:,} passages left: the same command goes on there")
        return 130
    seconds = max(done.seconds, 1e-9)
    rate = (
        f"; {done.new / seconds:,.0f} passages/s, {done.tokens / seconds:,.0f} tokens/s" if done.new else ""
    )
    print(f"{done.new:,} new passages, {known + done.known:,} known{rate}")
    for count, reason in (
        (equal, "equal to another one"),
        (done.unkept, "not kept: too long for the store"),
        (len(done.failed), "not encoded"),
    ):
        if count:
            print(f"skipped {count:,} passages: {reason}")
    for text, reason in list(done.failed.items())[:_NAMED]:
        tell(f"not encoded: {shown(text):.60} ({reason})")
    return 1 if done.failed else 0


def _size(count: int) -> str:
    """Bytes as people read them.

    Example:
        >>> _size(999), _size(17_302_000)
        ('999 B', '17.3 MB')
    """
    number, unit = float(count), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
