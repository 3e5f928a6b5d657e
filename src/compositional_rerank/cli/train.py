"""`compositional-rerank train`: train what the package ships, or adapt it to a domain."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from typing import Any

from compositional_rerank.cli._input import INPUT_HELP, add_input_option, read_passages, tell
from compositional_rerank.cli._options import SEEDS, bound, integer, place
from compositional_rerank.errors import (
    CompositionalRerankError,
    DataError,
    InputError,
    MissingDependencyError,
)
from compositional_rerank.training.settings import METHODS

_EPILOG = f"""\
{INPUT_HELP}
That is what --corpus takes. --data takes the folder that a recipe's files lie in.

examples (my_docs/ is a folder with your texts):
  # adapt the shipped verifier to them
  compositional-rerank train verifier --corpus my_docs/ --out my_checkpoint
  compositional-rerank rerank --model my_checkpoint --query "Rome is closer than Paris" my_docs/

  # fit token embeddings of fewer dimensions to them, for smaller stores
  compositional-rerank train projection --corpus my_docs/ --dimension 64 --out my_checkpoint

  # make the shipped verifier anew, or one of your own, by a recipe (docs/guides/retrain.md)
  compositional-rerank train verifier --data data/ --recipe all-minilm-l6-v2 --out my_checkpoint

  # train the structural part of stage one, beside the verifier of the shipped checkpoint
  compositional-rerank train embedder --data data/ --out my_checkpoint

A recipe ends with an audit and a table of what it must measure: expected and got.
Stopped by Ctrl-C or a crash, the same command goes on from the last saved state.
exit codes: 0 done, 1 a figure is outside the recipe's tolerance, 2 bad data or settings
"""


_VERIFIER = "all-minilm-l6-v2"  # the recipe of the shipped verifier
_EMBEDDER = "structural"
_ROWS, _DIMENSION = 16_000, 320
_HELP = {
    "learning_rate": "peak learning rate (3e-05)",
    "seed": "fixes pairs and order (17)",
}
_ONLY = {  # options -> what is trained, and from what, where they mean something
    "rows": ("verifier", "corpus"),
    "dimension": ("projection", "corpus"),
    "method": ("embedder", "data"),
}
_READERS = {
    "learning_rate": bound(0, 1, inside=True),
    "seed": integer(0, SEEDS),
}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the verb to the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train the verifier, the embedder or the projection, or adapt them to your own passages",
        description="Train the verifier that rejects structural near-misses, the structural part of stage\n"
        "one's embedder, or the projection of token vectors.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["verifier", "embedder", "projection"], help="what to train")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--corpus", metavar="PATH", help="your passages: a file, a folder, or - for stdin")
    data.add_argument("--data", type=place, metavar="DIR", help="folder with the files that the recipe names")
    add_input_option(parser)
    parser.add_argument(
        "--recipe",
        metavar="R",
        help=f"recipe for --data: a TOML file, or a name in recipes/ ({_VERIFIER}, or {_EMBEDDER})",
    )
    parser.add_argument(
        "--out", type=place, required=True, metavar="DIR", help="checkpoint folder to write; must not exist"
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        help="embedder: a structural part, or for comparison the whole vector on hard negatives (structural)",
    )
    parser.add_argument(
        "--from", dest="start", metavar="M", help="checkpoint or base model to start from (the shipped one)"
    )
    parser.add_argument(
        "--rows", type=integer(1), metavar="N", help="verifier: pairs to make from --corpus (16000)"
    )
    parser.add_argument(
        "--dimension",
        type=integer(1),
        metavar="D",
        help="projection: of the token vectors (320)",
    )
    for field, what in _HELP.items():
        option = f"--{field.replace('_', '-')}"
        parser.add_argument(option, type=_READERS[field], metavar=field[0].upper(), help=f"--corpus: {what}")
    parser.add_argument("--device", metavar="D", help="torch device, such as cpu or cuda (the best there is)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the verb; 0 when the checkpoint is written."""
    if os.path.lexists(args.out) and not _only_audit_is_left(args):
        raise InputError(f"{args.out} exists: choose another folder, or remove it first")
    if args.corpus is not None and args.recipe is not None:
        raise InputError(f"--recipe {args.recipe} goes with --data, not with --corpus: leave one of them out")
    if args.data is not None and args.input != "auto":
        raise InputError(f"--input {args.input} goes with --corpus, not with --data: leave it out")
    for field, (what, source) in _ONLY.items():
        value = getattr(args, field)
        if value is not None and (args.what != what or getattr(args, source) is None):
            raise InputError(f"--{field} {value} goes with train {what} --{source} alone: leave it out")
    for package in ("accelerate", "datasets", "ir_measures"):
        if find_spec(package) is None:
            raise MissingDependencyError(
                f"training needs {package}: pip install 'compositional-rerank[train]'"
            )
    given = {field: getattr(args, field) for field in _HELP if getattr(args, field) is not None}
    trainers = {"verifier": _train_verifier, "embedder": _train_embedder, "projection": _train_projection}
    try:
        return trainers[args.what](args, given)
    except FloatingPointError as error:
        raise DataError(str(error)) from error
    except CompositionalRerankError:
        raise
    except OSError as error:
        raise InputError(f"{args.out} could not be written: {error}; the same command goes on") from error


def _only_audit_is_left(args: argparse.Namespace) -> bool:
    """Whether a recipe's checkpoint is whole, and the command was stopped before its figures were."""
    made = args.what == "verifier" and args.data is not None and (args.out / "config.json").is_file()
    steps, report = (args.out.with_name(args.out.name + end) for end in (".work", ".audit.json"))
    return bool(made and steps.is_dir() and not report.exists())


def _corpus(args: argparse.Namespace) -> list[str]:
    passages = read_passages([args.corpus], args.input)
    if not passages:
        raise DataError(f"--corpus {args.corpus} holds no passage: name a file or folder with text in it")
    return [passage.text for passage in passages]


def _train_verifier(args: argparse.Namespace, given: dict[str, Any]) -> int:
    from compositional_rerank.checkpoints.locate import locate

    if args.corpus is not None:
        from compositional_rerank.training.adapt import adapt
        from compositional_rerank.training.corpus import corpus_rows
        from compositional_rerank.training.verifier_trainer import RunSettings

        settings = RunSettings(**{"learning_rate": 3e-5, **given})
        rows, counts = corpus_rows(_corpus(args), args.rows or _ROWS, settings.seed)
        for kind, count in counts.items():
            tell(f"{count:6,} pairs: {kind}")
        adapt(rows, locate(args.start), args.out, settings=settings, device=args.device, tell=tell)
        tell(f"wrote {args.out}; look at it with: compositional-rerank audit --model {args.out}")
        return 0
    from compositional_rerank.training.expected import audit, compare, table, write_report
    from compositional_rerank.training.recipe import Recipe
    from compositional_rerank.training.verifier import make

    if given:
        raise InputError(
            f"with --data the recipe says everything: write {', '.join(sorted(given))} into a recipe of yours"
        )
    recipe = Recipe.load(args.recipe or _VERIFIER)
    report = args.out.with_name(args.out.name + ".audit.json")
    if not args.out.exists():  # else only the audit is left
        make(recipe, args.data, args.out, locate(args.start), args.device, tell)
    tell(f"wrote {args.out}; audit")
    measured = audit(recipe, args.data, args.out, args.device)
    write_report(measured, report)
    lines = compare(recipe, measured)
    print(table(lines))
    outside = sum(not line.holds for line in lines)
    tell(f"{outside} of {len(lines)} figures are outside the recipe's tolerance; all figures: {report}")
    return int(outside > 0)


def _train_embedder(args: argparse.Namespace, given: dict[str, Any]) -> int:
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.training.embedder import train_naive, train_structural
    from compositional_rerank.training.structural_recipe import StructuralRecipe

    if args.data is None:
        raise InputError("train embedder takes --data with a recipe; --corpus adapts the verifier only")
    if given:
        raise InputError(
            f"with --data the recipe says everything: write {', '.join(sorted(given))} into a recipe of yours"
        )
    recipe = StructuralRecipe.load(args.recipe or _EMBEDDER)
    settings, part = recipe.training, recipe.structural
    method = args.method or METHODS[0]
    if method == "structural" and part is None:
        raise InputError(f"{recipe.file} has no [structural]: write what the part is, or pass --method naive")
    start = locate(args.start)
    rows = recipe.rows(args.data)
    near = sum(bool(row.near_miss and row.negative) for row in rows)
    tell(f"{len(rows)} rows, {near} of them with a near-miss")
    if method == "naive" or part is None:
        out = train_naive(rows, start, args.out, settings=settings, device=args.device)
        tell(f"wrote {out}; look at it with: compositional-rerank audit --against {out}")
        return 0
    out = train_structural(rows, start, args.out, settings=settings, structural=part, device=args.device)
    tell(
        f"wrote {out}; look at it with: compositional-rerank audit --model {out} "
        f"--sensitivity {part.sensitivity:g}"
    )
    return 0


def _train_projection(args: argparse.Namespace, given: dict[str, Any]) -> int:
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.encoding.token_encoder import TokenEncoder
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
    texts = _corpus(args)
    encoder = TokenEncoder(start.base, args.device)
    dimension = args.dimension or _DIMENSION
    projection = fit_projection(texts, encoder, dimension=dimension)
    export_projection(projection, start, args.out)
    tell(
        f"wrote {args.out}: token vectors of {dimension} dimensions, {encoder.dimension} before; "
        f"look at it with: compositional-rerank audit --model {args.out}"
    )
    return 0
