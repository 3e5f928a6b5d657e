"""Recipes of stage one's structural part: what it is, and what it learns."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compositional_rerank.errors import DataError
from compositional_rerank.training.recipe import check_file, find_recipe
from compositional_rerank.training.settings import StructuralSettings, TrainingSettings
from compositional_rerank.training.triples import KINDS, TrainingTriple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class TripleSource:
    """One source of triples.

    Args:
        name: how people call it; its draw depends on it and on the recipe's seed alone.
        kind: how a file becomes triples, one of `triples.KINDS`.
        path: file below the data folder.
        rows: how many to draw, at least 1; more than there are means that the file is read again with other
            random choices.
        licence: of the texts, as their publisher states it.
        sha256: of the file; None checks nothing.
    """

    name: str
    kind: str
    path: str
    rows: int
    licence: str = "none stated"
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"source {self.name!r} has kind {self.kind!r}; the kinds are {sorted(KINDS)}")
        if not isinstance(self.rows, int) or self.rows < 1:
            raise DataError(f"source {self.name!r} has rows = {self.rows!r}; at least 1 is needed")

    def draw(self, file: Path, key: str) -> list[TrainingTriple]:
        """The rows; the same file and key give the same ones."""
        rng = random.Random(f"{key} {self.name}")
        drawn: list[TrainingTriple] = []
        while len(drawn) < self.rows:
            fresh = KINDS[self.kind](file, self.rows - len(drawn), rng)
            if not fresh:
                raise DataError(f"{file}: no rows for kind {self.kind!r}")
            drawn += fresh
        return drawn


@dataclass(frozen=True)
class StructuralRecipe:
    """All that makes a structural part.

    Args:
        file: where the recipe lies.
        sources: what is learnt.
        training: how to train, with the seed of draws and order.
        structural: the part and its loss; None where only the whole vector can be trained.
    """

    file: Path
    sources: tuple[TripleSource, ...]
    training: TrainingSettings
    structural: StructuralSettings | None

    @classmethod
    def load(cls, name: str) -> StructuralRecipe:
        """Read a recipe and check it as far as it can be checked without the data.

        Args:
            name: a TOML file, or the name of one in ``recipes/`` of a clone of the repository.

        Raises:
            DataError: there is no such recipe, or a field is missing or wrong.
        """
        file = find_recipe(name)
        try:
            raw: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
            return cls(
                file=file,
                sources=tuple(TripleSource(**one) for one in raw["source"]),
                training=TrainingSettings(seed=int(raw["seed"]), **raw.get("training", {})),
                structural=StructuralSettings(**raw["structural"]) if "structural" in raw else None,
            )
        except KeyError as error:
            raise DataError(f"recipe {file} has no {error}: see docs/guides/retrain.md") from error
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"no recipe can be read from {file}: {error}") from error

    def rows(self, data: Path) -> list[TrainingTriple]:
        """The rows of all sources, in random order.

        Args:
            data: folder with the files that the recipe names.

        Raises:
            DataError: a file is missing or has another hash, before anything is read; or a line is wrong.
        """
        for source in self.sources:
            check_file(data / source.path, source.name, source.sha256)
        drawn: list[TrainingTriple] = []
        for source in self.sources:
            drawn += source.draw(data / source.path, str(self.training.seed))
        random.Random(self.training.seed).shuffle(drawn)
        return drawn
