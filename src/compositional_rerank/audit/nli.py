"""Natural language inference, the format of `--nli`: what does a premise make of a hypothesis?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.intervals import mean_interval, ranking_intervals
from compositional_rerank.audit.metrics import Floats, auc
from compositional_rerank.audit.records import Record, not_empty, read_records
from compositional_rerank.audit.systems import Systems
from compositional_rerank.audit.verdicts import NOT_JUDGED, Names, Verdicts, shares

CLASSES = ("entailment", "contradiction", "neutral")  # in the order of their probabilities below
LABELS = (*CLASSES, "non-entailment")


@dataclass(frozen=True)
class NliSet:
    """n premises and hypotheses, with labels of `LABELS`: what the premise makes of the hypothesis."""

    name: str
    premises: Sequence[str]
    hypotheses: Sequence[str]
    labels: Sequence[str]


def read_nli(path: Path) -> NliSet:
    """Read an NLI file: one object a line with `premise`, `hypothesis` and `label`.

    Raises:
        DataError: unreadable or empty file, or a bad line; the message names file, line and field.
    """
    return nli_of(path.stem, read_records(path), str(path))


def nli_of(name: str, records: Iterable[Record], where: str) -> NliSet:
    """Check records and make them an `NliSet`; `where` names their source in messages."""
    rows = [
        (r.text("premise"), r.text("hypothesis"), r.choice("label", LABELS))
        for r in not_empty(records, where)
    ]
    premises, hypotheses, labels = zip(*rows, strict=True)
    return NliSet(name, premises, hypotheses, labels)


def evaluate(systems: Systems, data: NliSet) -> Verdicts | None:
    """Verdicts of the premises on their hypotheses; None without a verifier."""
    return systems.verify(data.hypotheses, data.premises, data.name)


def classes(verdicts: Verdicts) -> Names:
    """The most probable class of each pair: support, denial, or what is left of 1.

    Args:
        verdicts: of n pairs.

    Returns:
        One of `CLASSES`, or `not_judged` where a pair cannot be judged, [n].

    Example:
        >>> numbers = [np.array([value]) for value in (0.4, 0.1, 0.3)]
        >>> classes(Verdicts(np.array(["supports"]), *numbers)).tolist()
        ['neutral']
    """
    probabilities = np.stack([verdicts.support, verdicts.denial, 1 - verdicts.support - verdicts.denial])
    best = np.array(CLASSES)[np.nan_to_num(probabilities).argmax(axis=0)]
    return np.where(np.isnan(verdicts.support), NOT_JUDGED, best)


def summarise(data: NliSet, verdicts: Verdicts | None, seed: int) -> dict[str, object]:
    """The report's entry for one set.

    A pair that cannot be judged counts as wrong, and as undecided between support and denial.

    Args:
        data: the set.
        verdicts: from `evaluate`; None without a verifier, and every measure is None.
        seed: seed of the bootstrap.
    """
    labels = np.array(data.labels, dtype=np.str_)
    named = {label: labels == label for label in LABELS if label in data.labels}
    if verdicts is None:
        parts = {label: {"n": int(rows.sum()), "accuracy": None} for label, rows in named.items()}
        return {"n": len(labels), "accuracy": None, "auc": None, "ci": {}, "by_label": parts}
    found = classes(verdicts)
    right = _right(labels, found)
    area, interval = _support_against_denial(labels, verdicts, seed)
    counted = (*CLASSES, NOT_JUDGED)
    return {
        **shares(found, counted),
        "accuracy": float(right.mean()),
        "auc": area,
        "ci": {"accuracy": mean_interval(right, seed), "auc": interval},
        "by_label": {
            label: {**shares(found[rows], counted), "accuracy": float(right[rows].mean())}
            for label, rows in named.items()
        },
    }


def _right(labels: Names, found: Names) -> Floats:
    """1.0 where the class is the label; with `non-entailment` where it is any class but entailment."""
    other = (labels == "non-entailment") & np.isin(found, CLASSES[1:])
    right: Floats = ((labels == found) | other).astype(np.float64)
    return right


def _support_against_denial(
    labels: Names, verdicts: Verdicts, seed: int
) -> tuple[float | None, list[float] | None]:
    """ROC AUC of support less denial for entailment against contradiction, and its interval."""
    rows = np.isin(labels, CLASSES[:2])
    same: NDArray[np.int64] = (labels[rows] == "entailment").astype(np.int64)
    scores = np.nan_to_num(verdicts.support - verdicts.denial)[rows]
    area = auc(same, scores)
    return area, None if area is None else ranking_intervals(same, scores, seed)["auc"]
