"""Recipes: one file says everything that makes a checkpoint, and what must come out."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from compositional_rerank.checkpoints.base_models import sha256_of
from compositional_rerank.errors import DataError
from compositional_rerank.training.kinds import JUDGED, KINDS
from compositional_rerank.training.rows import NAMES, Row, parts_of
from compositional_rerank.training.verifier_trainer import RunSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPORTED = ("beir", "pairs", "triples", "contrast", "answers", "nli")


@dataclass(frozen=True)
class Source:
    """One source of rows.

    Args:
        name: how the model card calls it; its draw depends on it and on the recipe's seed alone.
        kind: how a file becomes rows, one of `kinds.KINDS`.
        path: file or folder below the data folder, or where it begins with ``..`` beside the recipe.
        rows: how many rows to draw for each run, by its name; more than there are means that the file is read
            again with other random choices.
        licence: of the texts, as their publisher states it.
        different: verdicts that a row labelled as different may have; empty for the kind's own.
        sha256: of the file, or of a folder's files; None checks nothing.
    """

    name: str
    kind: str
    path: str
    rows: dict[str, int]
    licence: str = "none stated"
    different: tuple[str, ...] = ()
    sha256: str | None = None

    def draw(self, file: Path, run: str, seed: int) -> list[Row]:
        """The rows of a run, in whole groups but for the last; equal file, count and seed give equal rows."""
        rng = random.Random(f"{seed} {run} {self.name}")
        mask = sum(NAMES[name] for name in self.different)
        count = self.rows.get(run, 0)
        drawn: list[Row] = []
        turn = 0
        while len(drawn) < count:
            groups: dict[str, list[Row]] = {}
            for place, row in enumerate(KINDS[self.kind](file, mask, rng)):
                key = f"{self.name} {turn} {row.group}" if row.group else ""
                groups.setdefault(key or str(place), []).append(dataclasses.replace(row, group=key))
            if not groups:
                raise DataError(f"{file}: no rows")
            drawn += chain.from_iterable(rng.sample(list(groups.values()), len(groups)))
            turn += 1
        return drawn[:count]


@dataclass(frozen=True)
class Run:
    """One training run: it goes on with the weights of the run before.

    Args:
        name: of the run.
        settings: how to train.
        teacher: recipe of a reader whose answers to the run's rows are learnt, a name or a path; None for
            people's labels alone.
    """

    name: str
    settings: RunSettings
    teacher: str | None = None


@dataclass(frozen=True)
class Expected:
    """A figure that must come out.

    Args:
        figure: where the audit's report holds it, keys joined by ``/``.
        value: what the run that the recipe was written from gave.
        within: how far another run may be from it, at least 0.
    """

    figure: str
    value: float
    within: float


@dataclass(frozen=True)
class Recipe:
    """All that makes a verifier.

    Args:
        file: where the recipe lies.
        base: the model that is trained.
        seed: of all draws, orders and heads.
        fresh_layers: how many of the base's last layers begin anew.
        sources: what is learnt.
        runs: how it is learnt, one after another.
        calibration: what the probabilities are fitted on.
        gate: what threshold, bonus and penalty are fitted on: a kind of `JUDGED` and a path each.
        fusion: collections, such as ``beir/scifact:train``, that closeness, bonus and penalty are fitted on.
        reading: how the verifier reads: windows, tokens, caps.
        report: for each of `REPORTED` the sets that are reported, below the data folder or beside the recipe.
        suite: suite of the package that is reported, too; None for none.
        expected: what must come out.
    """

    file: Path
    base: str
    seed: int
    fresh_layers: int
    sources: tuple[Source, ...]
    runs: tuple[Run, ...]
    calibration: tuple[Source, ...]
    gate: tuple[tuple[str, str], ...]
    fusion: tuple[str, ...]
    reading: dict[str, int]
    report: dict[str, tuple[str, ...]]
    suite: str | None
    expected: tuple[Expected, ...]

    @classmethod
    def load(cls, name: str) -> Recipe:
        """Read a recipe and check it as far as it can be checked without the data.

        Args:
            name: a TOML file, or the name of one in ``recipes/`` of a clone of the repository.

        Raises:
            DataError: there is no such recipe, a field is missing or wrong, or a set is both fitted and
                reported.
        """
        file = find_recipe(name)
        try:
            raw: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
            seed = int(raw["seed"])
            runs = tuple(_run(one, seed) for one in raw["run"])
            names = [run.name for run in runs]
            recipe = cls(
                file=file,
                base=str(raw["base"]),
                seed=seed,
                fresh_layers=int(raw.get("fresh_layers", 0)),
                runs=runs,
                sources=tuple(_source(one, names) for one in raw["source"]),
                calibration=tuple(_source(one, ["calibration"]) for one in raw.get("calibration", ())),
                gate=_gate(raw.get("gate", {})),
                fusion=tuple(raw.get("gate", {}).get("collections", ())),
                reading=dict(raw.get("reading", {})),
                report={kind: tuple(raw.get("report", {}).get(kind, ())) for kind in REPORTED},
                suite=raw.get("report", {}).get("suite"),
                expected=tuple(Expected(**one) for one in raw.get("expected", ())),
            )
        except KeyError as error:
            raise DataError(f"recipe {file} has no {error}: see docs/guides/retrain.md") from error
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"no recipe can be read from {file}: {error}") from error
        recipe._check_apart()
        return recipe

    def _check_apart(self) -> None:
        """No set may be both learnt or fitted on and reported."""
        used = {source.path for source in (*self.sources, *self.calibration)} | {
            path for _, path in self.gate
        }
        used |= set(self.fusion)
        both = sorted(used & {name for names in self.report.values() for name in names})
        if both:
            raise DataError(
                f"recipe {self.file}: {', '.join(both)} is both fitted on and reported: a figure on it would "
                "say nothing; take it out of one of them"
            )

    def teachers(self) -> dict[str, Recipe]:
        """The recipes of the teachers that the runs name.

        Raises:
            DataError: there is no such recipe, or it names a teacher itself.
        """
        found = {run.teacher: Recipe.load(run.teacher) for run in self.runs if run.teacher is not None}
        for name, teacher in found.items():
            if any(run.teacher for run in teacher.runs):
                raise DataError(
                    f"recipe {self.file}: the teacher {name!r} has a teacher itself: name that one"
                )
        return found

    def place(self, path: str, data: Path) -> Path:
        """Where a path of the recipe leads."""
        return (self.file.parent if path.startswith("..") else data) / path

    def check_files(self, data: Path) -> None:
        """Raise `DataError` where a file is missing or has another hash than the recipe says."""
        for source in (*self.sources, *self.calibration):
            check_file(self.place(source.path, data), source.name, source.sha256, folder=True)
        names = [
            *(path for _, path in self.gate),
            *self.fusion,
            *(name for names in self.report.values() for name in names),
        ]
        for name in names:
            file = self.place(name.rpartition(":")[0] if ":" in name else name, data)
            if not file.exists():
                raise DataError(f"{file} does not exist: recipe {self.file.name} measures on it")

    def rows(self, data: Path, run: str) -> list[Row]:
        """The rows of a run by its name.

        Raises:
            DataError: a line of a file is wrong.
        """
        places = [(source, self.place(source.path, data)) for source in self.sources]
        return [row for source, file in places for row in source.draw(file, run, self.seed)]


def check_file(file: Path, source: str, sha256: str | None, *, folder: bool = False) -> None:
    """Raise `DataError` where a source's file, or ``folder``, is missing or has another hash than wanted."""
    if not (file.exists() if folder else file.is_file()):
        raise DataError(f"{file} does not exist: recipe source {source!r} needs it")
    if sha256 is not None and (found := hash_of(file)) != sha256:
        raise DataError(
            f"{file} has sha256 {found}, recipe source {source!r} wants {sha256}: it is another version; get "
            "that one, or change the recipe and expect other figures"
        )


def hash_of(file: Path) -> str:
    """Hex sha256 of a file, or of the hashes of a folder's JSONL files in the order of their names."""
    if not file.is_dir():
        return sha256_of(file)
    parts = [f"{part.name} {sha256_of(part)}" for part in parts_of(file)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_recipe(name: str) -> Path:
    """A recipe's file, by its path or by its name in ``recipes/``.

    Raises:
        DataError: there is none.
    """
    here = [Path(name), *(folder / f"{name}.toml" for folder in _folders())]
    for file in here:
        if file.is_file():
            return file
    raise DataError(
        f"no recipe {name!r}: it is no file, and there is no recipes/{name}.toml above this folder; recipes "
        "lie in recipes/ of a clone of the repository"
    )


def _folders() -> Iterator[Path]:
    """``recipes/`` of the clone that is worked in, and of the one that the package was installed from."""
    for start in (Path.cwd(), Path(__file__).parent):
        for folder in (start, *start.parents):
            yield folder / "recipes"


def _gate(raw: dict[str, list[str]]) -> tuple[tuple[str, str], ...]:
    if unknown := sorted(set(raw) - {*JUDGED, "collections"}):
        raise ValueError(f"[gate] has no {', '.join(unknown)}; it has {', '.join(JUDGED)} and collections")
    return tuple((kind, path) for kind in JUDGED for path in raw.get(kind, ()))


def _run(raw: dict[str, Any], seed: int) -> Run:
    settings = {name: value for name, value in raw.items() if name not in ("name", "teacher")}
    return Run(str(raw["name"]), RunSettings(**{"seed": seed, **settings}), raw.get("teacher"))


def _source(raw: dict[str, Any], runs: list[str]) -> Source:
    rows = raw["rows"]
    rows = dict(rows) if isinstance(rows, dict) else dict.fromkeys(runs, rows)
    source = Source(**{**raw, "rows": rows, "different": tuple(raw.get("different", ()))})
    if source.kind not in KINDS:
        raise ValueError(f"source {source.name!r} has kind {source.kind!r}; the kinds are {sorted(KINDS)}")
    for run, count in rows.items():
        if run not in runs:
            raise ValueError(f"source {source.name!r} has rows for a run {run!r}; the runs are {runs}")
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"source {source.name!r} has rows = {count!r}; a count is needed")
    unknown = [name for name in source.different if name not in NAMES]
    if unknown:
        raise ValueError(f"source {source.name!r} has different = {unknown}; choose from {list(NAMES)}")
    wrong = [name for name in ("name", "path", "licence") if not isinstance(getattr(source, name), str)]
    if wrong:
        raise ValueError(f"source {source.name!r} has {wrong} that are no texts")
    return source
