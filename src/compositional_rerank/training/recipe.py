"""Recipes: one file says everything that makes a checkpoint."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compositional_rerank.errors import DataError
from compositional_rerank.training.kinds import KINDS
from compositional_rerank.training.rows import NAMES, Row
from compositional_rerank.training.verifier_trainer import RunSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Source:
    """One source of rows.

    Args:
        name: how the model card calls it; its draw depends on it and on the recipe's seed alone.
        kind: how a file becomes rows, one of `kinds.KINDS`.
        path: file or folder below the data folder.
        rows: how many rows to draw for the first run; more than there are means that the file is read again
            with other random choices.
        licence: of the texts, as their publisher states it.
        taught: how many rows to draw for the teacher to label.
        different: verdicts that a row labelled as different may have; empty for the kind's own.
    """

    name: str
    kind: str
    path: str
    rows: int
    licence: str
    taught: int = 0
    different: tuple[str, ...] = ()

    def draw(self, file: Path, count: int, key: str) -> list[Row]:
        """``count`` rows; the same file, count and key give the same rows."""
        rng = random.Random(f"{key} {self.name}")
        mask = sum(NAMES[name] for name in self.different)
        drawn: list[Row] = []
        while len(drawn) < count:
            fresh = KINDS[self.kind](file, mask, rng)
            if not fresh:
                raise DataError(f"{file}: no rows")
            drawn += rng.sample(fresh, min(len(fresh), count - len(drawn)))
        return drawn


@dataclass(frozen=True)
class Recipe:
    file: Path
    base: str
    seed: int
    sources: tuple[Source, ...]
    labelled: RunSettings
    taught: RunSettings | None = None
    teacher: str | None = None

    @classmethod
    def load(cls, file: Path) -> Recipe:
        raw: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
        sources = tuple(
            Source(**{**source, "different": tuple(source.get("different", ()))}) for source in raw["source"]
        )
        seed = int(raw["seed"])
        return cls(
            file=file,
            base=raw["base"],
            seed=seed,
            sources=sources,
            labelled=RunSettings(seed=seed, **raw["labelled"]),
            taught=RunSettings(seed=seed, **raw["taught"]) if "taught" in raw else None,
            teacher=raw.get("teacher"),
        )

    def rows(self, data: Path, run: str) -> list[Row]:
        """The rows of a run, ``labelled`` or ``taught``, in random order."""
        drawn = []
        for source in self.sources:
            count = source.rows if run == "labelled" else source.taught
            if count:
                drawn += source.draw(
                    (self.file.parent if source.path.startswith("..") else data) / source.path,
                    count,
                    f"{self.seed} {run}",
                )
        random.Random(self.seed).shuffle(drawn)
        return drawn
