"""The gate: does a change lose recall, or does too little get rejected?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compositional_rerank.errors import InputError

RECALL_MEASURES = ("ndcg@10", "recall@100")


@dataclass(frozen=True)
class GateLine:
    """One thing that the gate looked at."""

    passed: bool
    text: str

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.text}"


def check_limits(
    max_recall_drop: float | None, min_rejection: float | None, *, collections: int, near_miss_sets: int
) -> None:
    """Say before any work that a limit cannot be judged.

    Args:
        max_recall_drop: limit as given, or None.
        min_rejection: limit as given, or None.
        collections: number of retrieval collections in the audit.
        near_miss_sets: number of pair and triple sets in the audit.

    Raises:
        InputError: a limit is out of range, or nothing in the audit could break it.
    """
    for name, value in (("--max-recall-drop", max_recall_drop), ("--min-rejection", min_rejection)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise InputError(f"{name} is {value}; it has to be between 0 and 1")
    if max_recall_drop is not None and not collections:
        raise InputError("--max-recall-drop needs a collection to judge; add --beir DIR")
    if min_rejection is not None and not near_miss_sets:
        raise InputError("--min-rejection needs near-misses to judge; add --suite, --pairs or --triples")


def judge(
    report: Mapping[str, Any], max_recall_drop: float | None, min_rejection: float | None
) -> list[GateLine]:
    """Compare a report with the limits.

    Args:
        report: the audit's report.
        max_recall_drop: largest allowed loss of nDCG@10 and of recall@100, absolute, in [0, 1]; None skips.
            With a second model in the report it is judged against `cosine`, otherwise `two_stage` is.
        min_rejection: smallest allowed share of near-misses that `two_stage` rejects, in every set and for
            every edit type, in [0, 1]; None skips.

    Example:
        >>> before, after = {"ndcg@10": 0.5, "recall@100": 0.9}, {"ndcg@10": 0.4, "recall@100": 0.9}
        >>> entry = {"cosine": before, "two_stage": after}
        >>> for line in judge({"retrieval": {"c": entry}, "near_misses": {}}, 0.01, None):
        ...     print(line)
        FAIL  c: ndcg@10 of two_stage is 0.4000, 0.1000 below cosine's 0.5000 (allowed: 0.0100)
        PASS  c: recall@100 of two_stage is 0.9000, 0.0000 below cosine's 0.9000 (allowed: 0.0100)
    """
    lines = []
    if max_recall_drop is not None:
        for name, entry in report["retrieval"].items():
            judged = "against" if "against" in entry else "two_stage"
            for measure in RECALL_MEASURES:
                before, after = entry["cosine"][measure], entry[judged][measure]
                drop = before - after
                change = f"{abs(drop):.4f} {'below' if drop >= 0 else 'above'}"
                lines.append(
                    GateLine(
                        drop <= max_recall_drop + 1e-12,
                        f"{name}: {measure} of {judged} is {after:.4f}, {change} cosine's {before:.4f} "
                        f"(allowed: {max_recall_drop:.4f})",
                    )
                )
    if min_rejection is not None:
        for name, entry in report["near_misses"].items():
            if entry["kind"] != "contrast":
                lines.append(_rejection_line(name, entry, min_rejection))
                lines += [
                    _rejection_line(f"{name} / {edit_type}", part, min_rejection)
                    for edit_type, part in entry["by_edit_type"].items()
                    if part["n"] != entry["n"] and part["two_stage"]["rejection"] is not None
                ]
    return lines


def _rejection_line(name: str, entry: Mapping[str, Any], least: float) -> GateLine:
    share = entry["two_stage"]["rejection"]
    if share is None:
        reason = "the model has no verifier, so that nothing is rejected, or the set has no near-miss"
        return GateLine(False, f"{name}: no share of rejected near-misses ({reason}; wanted: {least:.4f})")
    return GateLine(
        share >= least - 1e-12, f"{name}: {share:.4f} of near-misses are rejected (wanted: {least:.4f})"
    )
