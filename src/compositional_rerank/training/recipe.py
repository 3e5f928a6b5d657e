"""A training recipe: which sources, how many rows of each, under which licence."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from compositional_rerank.errors import DataError
from compositional_rerank.training import builders
from compositional_rerank.training.near_misses import EDIT_TYPES
from compositional_rerank.training.settings import StructuralSettings, TrainingSettings
from compositional_rerank.training.source import Source
from compositional_rerank.training.sources import LabelledPair
from compositional_rerank.training.triples import KINDS as TRIPLE_KINDS
from compositional_rerank.training.triples import TrainingTriple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_Row = TypeVar("_Row")
_KINDS: dict[str, Callable[..., list[LabelledPair]]] = {
    "pairs": builders.from_pairs,
    "inference": builders.from_inference,
    "edits": builders.from_edits,
    "templates": builders.from_templates,
    "answers": builders.from_answers,
    "topics": builders.from_topics,
    "captions": builders.from_captions,
    "related": builders.from_related,
    "clauses": builders.from_clauses,
}


@dataclass(frozen=True)
class Recipe:
    """Sources, the seed with which they are drawn, and how to train on them."""

    seed: int
    sources: tuple[Source, ...]
    training: TrainingSettings
    structural: StructuralSettings

    @classmethod
    def load(cls, name: str) -> Recipe:
        """Read a recipe.

        Args:
            name: a recipe of this package, such as ``sixth`` or ``embedder``, or a TOML file.

        Raises:
            DataError: there is no such recipe, or a field is wrong.

        Example:
            >>> all(source.rows > 0 for source in Recipe.load("second").sources)
            True
        """
        shipped = files("compositional_rerank.training") / "recipes" / f"{name}.toml"
        try:
            text = shipped.read_text("utf-8") if shipped.is_file() else Path(name).read_text("utf-8")
            raw: dict[str, Any] = tomllib.loads(text)
            seed = int(raw["seed"])
            training = TrainingSettings(**{"seed": seed, **raw.get("training", {})})
            structural = StructuralSettings(**raw.get("structural", {}))
            recipe = cls(seed, tuple(Source(**source) for source in raw["source"]), training, structural)
        except KeyError as error:
            raise DataError(f"recipe {name} has no {error}: see docs/guides/retrain.md") from error
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"no recipe can be read from {name}: {error}") from error
        for source in recipe.sources:
            if source.kind not in _KINDS and source.kind not in TRIPLE_KINDS:
                raise DataError(
                    f"source {source.name!r} has kind {source.kind!r}; the kinds are "
                    f"{sorted({*_KINDS, *TRIPLE_KINDS})}"
                )
            if not isinstance(source.rows, int) or source.rows < 1:
                raise DataError(f"source {source.name!r} wants {source.rows!r} rows; at least 1 is needed")
            for field in ("families", "edit_types"):
                named = getattr(source, field)
                if isinstance(named, str) or not all(isinstance(name, str) for name in named):
                    raise DataError(
                        f"source {source.name!r} has {field} {named!r}; a list of texts is needed"
                    )
            unknown = [name for name in source.edit_types if name not in EDIT_TYPES]
            if unknown or not source.edit_types:
                raise DataError(
                    f"source {source.name!r} has edit_types {unknown}; choose from {', '.join(EDIT_TYPES)}"
                )
        return recipe

    def pairs(self, data: Path) -> list[LabelledPair]:
        """All pairs in random order; the same folder and seed give the same list.

        Raises:
            DataError: a file is missing, or a line of it is wrong.
        """
        self._check_kinds(_KINDS, "verifier")
        return self._drawn(_KINDS, data)

    def triples(self, data: Path) -> list[TrainingTriple]:
        """All rows for stage one in random order; the same folder and seed give the same list.

        Raises:
            DataError: a source's kind makes no rows for stage one, a file is missing, or a line is wrong.
        """
        self._check_kinds(TRIPLE_KINDS, "embedder")
        return self._drawn(TRIPLE_KINDS, data)

    def _check_kinds(self, kinds: Collection[str], what: str) -> None:
        for source in self.sources:
            if source.kind not in kinds:
                raise DataError(
                    f"source {source.name!r} has kind {source.kind!r}, which `train {what}` cannot read; "
                    f"its kinds are {sorted(kinds)}"
                )

    def _drawn(self, kinds: dict[str, Callable[..., list[_Row]]], data: Path) -> list[_Row]:
        rows: list[_Row] = []
        for source in self.sources:
            if source.path is not None and not (data / source.path).is_file():
                raise DataError(
                    f"{data / source.path} does not exist: recipe source {source.name!r} needs it"
                )
        for number, source in enumerate(self.sources):
            rows += kinds[source.kind](source, data, random.Random(f"{self.seed} {number} {source.name}"))
        random.Random(self.seed).shuffle(rows)
        return rows
