"""The built-in near-miss suite: written from held-out templates, held-out words and hand-written triples.

Nothing here is used by `triples`: families, lexicons and fillers are separate files, so the suite is a fair
test for a model trained on the generator. Write it with
``python -m compositional_rerank.training.near_misses.suite --out FILE``.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from compositional_rerank.errors import InputError

from .edit import EDIT_TYPES
from .grammar import load, template_folder, to_json
from .templates import generate

PER_TYPE = 128
DEFAULT_SEED = 7
_PLAN = (("statement", False), ("question", False), ("statement", True), ("question", True))


def handwritten() -> list[tuple[str, str, str, str, str]]:
    """Read the hand-written triples: edit type, topic, anchor, positive, negative.

    Example:
        >>> {row[0] for row in handwritten()} == set(EDIT_TYPES)
        True
    """
    text = (template_folder() / "suite_handwritten.txt").read_text(encoding="utf-8")
    rows: list[tuple[str, str, str, str, str]] = []
    kind = ""
    for line in text.splitlines():
        if line.startswith("## "):
            kind = line[3:].strip()
        elif line.strip():
            topic, _, rest = line.partition(" | ")
            anchor, positive, negative = (part.strip() for part in rest.split(" || "))
            rows.append((kind, topic.strip(), anchor, positive, negative))
    return rows


def build(seed: int = DEFAULT_SEED) -> list[dict[str, str]]:
    """Build the suite: `PER_TYPE` triples of each edit type, statements and questions, short and in passages.

    Args:
        seed: the shipped file is seed 7.

    Example:
        >>> sorted(build()[0])
        ['anchor', 'edit_type', 'form', 'length', 'negative', 'positive']
    """
    rng = random.Random(seed)
    grammar = load("suite")
    rows: list[dict[str, str]] = []
    used: set[str] = set()

    def add(anchor: str, positive: str, negative: str, kind: str, form: str, length: str) -> bool:
        key = "\n".join((anchor, positive, negative))
        if key in used or anchor in used:
            return False
        used.update((key, anchor))
        rows.append(
            {
                "anchor": anchor,
                "positive": positive,
                "negative": negative,
                "edit_type": kind,
                "form": form,
                "length": length,
            }
        )
        return True

    counts = dict.fromkeys(EDIT_TYPES, 0)
    cells: dict[tuple[str, str, bool], int] = {}
    for number, (kind, topic, anchor, positive, negative) in enumerate(handwritten()):
        form = "question" if anchor.endswith("?") else "statement"
        passage = not positive.endswith("?") and positive.endswith(".") and number % 2 == 1
        if passage:
            around = rng.sample(grammar.fillers[topic], rng.randint(2, 6))
            place = rng.randint(0, len(around))
            positive = " ".join([*around[:place], positive, *around[place:]])
            negative = " ".join([*around[:place], negative, *around[place:]])
        if add(anchor, positive, negative, kind, form, "passage" if passage else "short"):
            counts[kind] += 1
            cells[kind, form, passage] = cells.get((kind, form, passage), 0) + 1
    for kind in EDIT_TYPES:
        while counts[kind] < PER_TYPE:
            form, passage = min(_PLAN, key=lambda cell: cells.get((kind, *cell), 0))
            triple = next(generate(grammar, 1, rng, [kind], form, passage))
            length = "passage" if passage else "short"
            if add(triple.anchor, triple.positive, triple.negative, kind, form, length):
                counts[kind] += 1
                cells[kind, form, passage] = cells.get((kind, form, passage), 0) + 1
    return rows


def write(path: Path, *, seed: int = DEFAULT_SEED, force: bool = False) -> int:
    """Write the suite as JSONL and return the number of triples.

    Raises:
        InputError: the file exists and `force` was not given.
    """
    if path.exists() and not force:
        raise InputError(f"{path} exists: give --force to overwrite it")
    rows = build(seed)
    path.write_text("".join(to_json(row) + "\n" for row in rows), encoding="utf-8", newline="\n")
    return len(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line: ``--out FILE [--seed 7] [--force]``."""
    parser = argparse.ArgumentParser(description="Write the built-in near-miss suite.")
    parser.add_argument("--out", type=Path, required=True, help="JSONL file to write")
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help="fixes the content; the shipped suite is 7"
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE")
    options = parser.parse_args(argv)
    try:
        count = write(options.out, seed=options.seed, force=options.force)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{count} triples written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
