"""What a recipe's checkpoint must measure: its audit, and the table of expected and got."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compositional_rerank.audit.run import AuditSettings, run_audit
from compositional_rerank.errors import DataError
from compositional_rerank.training.recipe import REPORTED, Expected, Recipe


@dataclass(frozen=True)
class Line:
    """A figure that was expected, and what came."""

    expected: Expected
    got: float

    @property
    def holds(self) -> bool:
        """Whether the figure is within the recipe's tolerance, on either side."""
        return abs(self.got - self.expected.value) <= self.expected.within


def audit(recipe: Recipe, data: Path, checkpoint: Path, device: str | None) -> dict[str, Any]:
    """The audit's report of a checkpoint on the sets that the recipe reports."""
    sets: dict[str, Any] = {
        kind: tuple(str(recipe.place(name, data)) for name in recipe.report[kind]) for kind in REPORTED
    }
    settings = AuditSettings(model=str(checkpoint), suite=recipe.suite, device=device, **sets)
    return run_audit(settings).report


def compare(recipe: Recipe, report: dict[str, Any]) -> list[Line]:
    """A line for each expected figure.

    Raises:
        DataError: the report holds no such figure.
    """
    return [Line(one, figure_of(report, one.figure)) for one in recipe.expected]


def figure_of(report: dict[str, Any], path: str) -> float:
    """The figure at a path of keys joined by ``/``.

    Example:
        >>> figure_of({"near_misses": {"set": {"auc": 0.5}}}, "near_misses/set/auc")
        0.5
    """
    found: Any = report
    for key in path.split("/"):
        if not isinstance(found, dict) or key not in found:
            here = ", ".join(map(str, found)) if isinstance(found, dict) else "a figure"
            raise DataError(f"the audit has no figure {path!r}: at {key!r} there is {here}")
        found = found[key]
    if isinstance(found, dict) and "value" in found:
        found = found["value"]
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise DataError(f"the audit's {path!r} is no figure")
    return float(found)


def table(lines: list[Line]) -> str:
    """Expected and got, a line a figure.

    Example:
        >>> print(table([Line(Expected("a/auc", 0.9, 0.01), 0.87)]))
        figure  expected  within    got
        a/auc      0.900   0.010  0.870  <- outside
    """
    width = max([len(line.expected.figure) for line in lines] + [6])
    rows = [f"{'figure':<{width}}  expected  within    got"]
    for line in lines:
        one = line.expected
        row = f"{one.figure:<{width}}  {one.value:8.3f}  {one.within:6.3f}  {line.got:5.3f}"
        rows.append(row + ("" if line.holds else "  <- outside"))
    return "\n".join(rows)


def write_report(report: dict[str, Any], file: Path) -> None:
    """Keep the report, so that every figure of the table can be found again."""
    file.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
