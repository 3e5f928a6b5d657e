"""`compositional-rerank train`: train what the package ships, or adapt it to a domain."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from compositional_rerank.errors import (
    CompositionalRerankError,
    DataError,
    InputError,
    MissingDependencyError,
)
from compositional_rerank.training.settings import METHODS, TrainingSettings

_EPILOG = """\
examples:
  # adapt the shipped verifier to your own passages (.txt, .md or .jsonl with a field "text")
  compositional-rerank train verifier --corpus my_docs/ --out my_checkpoint
  compositional-rerank rerank --model my_checkpoint --query "..." passages.txt

  # train the shipped one again, in stages (docs/training.md says where to get the data)
  compositional-rerank train verifier --data data/ --recipe first --from all-MiniLM-L6-v2 --out stage1
  compositional-rerank train verifier --data data/ --recipe second --from stage1 --out stage2
  (and so on with third to eighth)

  # train the structural part of stage one, beside the verifier of the shipped checkpoint
  compositional-rerank train embedder --data data/ --out my_checkpoint
  compositional-rerank audit --model my_checkpoint --sensitivity 0.5 --beir data/nfcorpus

  # fit token vectors of fewer dimensions to your own texts: smaller stores
  compositional-rerank train projection --corpus my_docs/ --dimension 64 --out my_checkpoint

Stopped by Ctrl-C or a crash, the same command goes on from the last saved state.
exit codes: 0 done, 2 bad data or settings
"""


_HELP = {
    "epochs": "passes over the pairs",
    "learning_rate": "peak learning rate",
    "batch_size": "pairs per step",
    "seed": "fixes data, order and head",
}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train the verifier, the embedder or the projection, or adapt them to your own passages",
        description="Train the verifier that rejects structural near-misses, the structural part of stage "
        "one's embedder, or the projection of token vectors.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["verifier", "embedder", "projection"], help="what to train")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--corpus", type=Path, metavar="PATH", help="your passages: a file or a folder")
    data.add_argument("--data", type=Path, metavar="DIR", help="folder with the files that the recipe names")
    parser.add_argument(
        "--recipe",
        metavar="R",
        help="recipe for --data: first to sixteenth, embedder or a TOML file (sixteenth, or embedder)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="checkpoint folder to write; must not exist"
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="embedder: a structural part, or for comparison the whole vector on hard negatives (structural)",
    )
    parser.add_argument(
        "--from", dest="start", metavar="M", help="checkpoint or base model to start from (the shipped one)"
    )
    parser.add_argument(
        "--rows", type=int, default=16_000, metavar="N", help="pairs to make from --corpus (16000)"
    )
    parser.add_argument(
        "--dimension", type=int, default=320, metavar="D", help="projection: of the token vectors (320)"
    )
    for field in ("epochs", "learning_rate", "batch_size", "seed"):
        value = getattr(TrainingSettings, field)
        parser.add_argument(
            f"--{field.replace('_', '-')}",
            type=type(value),
            help=f"{_HELP[field]} ({value:g}, or what the recipe says)",
        )
    parser.add_argument("--device", help="torch device, such as cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the verb; 0 when the checkpoint is written."""
    if args.out.exists():
        raise InputError(f"{args.out} exists: choose another folder, or remove it first")
    for package in ("accelerate", "datasets", "lemminflect"):
        if find_spec(package) is None:
            raise MissingDependencyError(
                f"training needs {package}: pip install 'compositional-rerank[train]'"
            )
    given = {field: getattr(args, field) for field in _HELP if getattr(args, field) is not None}
    trainers = {"verifier": _train_verifier, "embedder": _train_embedder, "projection": _train_projection}
    try:
        trainers[args.what](args, given)
    except FloatingPointError as error:
        raise DataError(str(error)) from error
    except CompositionalRerankError:
        raise
    except OSError as error:
        raise InputError(f"{args.out} could not be written: {error}; the same command goes on") from error
    return 0


def _train_verifier(args: argparse.Namespace, given: dict[str, Any]) -> None:
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.training.corpus import corpus_pairs, read_passages
    from compositional_rerank.training.recipe import Recipe
    from compositional_rerank.training.verifier import train_verifier

    start = locate(args.start)
    if args.corpus is not None:
        settings = TrainingSettings(**given)
        pairs = corpus_pairs(read_passages(args.corpus), args.rows, settings.seed)
    else:
        recipe = Recipe.load(args.recipe or "sixteenth")
        settings = replace(recipe.training, **given)
        pairs = replace(recipe, seed=settings.seed).pairs(args.data)
    print(f"{len(pairs)} pairs, {sum(pair.mismatch for pair in pairs)} of them near-misses", file=sys.stderr)
    out = train_verifier(pairs, start, args.out, settings=settings, device=args.device)
    print(f"wrote {out}; look at it with: compositional-rerank audit --model {out}", file=sys.stderr)


def _train_embedder(args: argparse.Namespace, given: dict[str, Any]) -> None:
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.training.embedder import train_naive, train_structural
    from compositional_rerank.training.recipe import Recipe

    if args.data is None:
        raise InputError("train embedder takes --data with a recipe; --corpus adapts the verifier only")
    start = locate(args.start)
    recipe = Recipe.load(args.recipe or "embedder")
    settings = replace(recipe.training, **given)
    rows = replace(recipe, seed=settings.seed).triples(args.data)
    near = sum(bool(row.near_miss and row.negative) for row in rows)
    print(f"{len(rows)} rows, {near} of them with a near-miss", file=sys.stderr)
    if args.method == "naive":
        out = train_naive(rows, start, args.out, settings=settings, device=args.device)
        print(f"wrote {out}; look at it with: compositional-rerank audit --against {out}", file=sys.stderr)
        return
    part = recipe.structural
    out = train_structural(rows, start, args.out, settings=settings, structural=part, device=args.device)
    print(
        f"wrote {out}; look at it with: compositional-rerank audit --model {out} "
        f"--sensitivity {part.sensitivity:g}",
        file=sys.stderr,
    )


def _train_projection(args: argparse.Namespace, given: dict[str, Any]) -> None:
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.encoding.token_encoder import TokenEncoder
    from compositional_rerank.training.corpus import read_passages
    from compositional_rerank.training.export import check_new, export_projection
    from compositional_rerank.training.projection import fit_projection

    if args.corpus is None:
        raise InputError(
            "train projection takes --corpus: your passages, and queries too where there are some"
        )
    if given:
        raise InputError(f"train projection has no {', '.join(sorted(given))}: leave it out")
    check_new(args.out)
    start = locate(args.start)
    texts = read_passages(args.corpus)
    encoder = TokenEncoder(start.base, args.device)
    projection = fit_projection(texts, encoder, dimension=args.dimension)
    export_projection(projection, start, args.out)
    print(
        f"wrote {args.out}: token vectors of {args.dimension} dimensions, {encoder.dimension} before",
        file=sys.stderr,
    )
