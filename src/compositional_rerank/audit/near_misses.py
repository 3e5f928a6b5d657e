"""Near-miss measures of every system on one set: pairs, triples or contrasts, all of it and by edit type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.answers import AnswerSet
from compositional_rerank.audit.formats import ContrastSet, NearMissSet, PairSet, TripleSet
from compositional_rerank.audit.intervals import mean_interval, ranking_intervals
from compositional_rerank.audit.metrics import (
    Floats,
    auc,
    average_precision,
    expected_calibration_error,
    paired_accuracy,
    rejection_at_loss,
    triple_accuracy,
)
from compositional_rerank.audit.systems import Systems, SystemScores

LOSS = 0.05
Places = NDArray[np.int64]


@dataclass(frozen=True)
class NearMissResult:
    """Scores of one set.

    Attributes:
        kind: `pairs`, `triples`, `contrast` or `answers`.
        edit_types: the rows' edit types, n of them; None where unknown.
        same: labels of the rows, [n]: 1 for a paraphrase or an answer, 0 for a near-miss; empty for
            triples and contrasts.
        scores: system -> scores, [n] for pairs and answers, [n, 3] for triples (anchor and positive, anchor
            and negative, positive and negative), [n, 4] for contrasts (q1 doc1, q1 doc2, q2 doc1, q2 doc2).
        mismatch: mismatch probabilities of `two_stage` in the same shape; None without a verifier.
        owners: which query each row belongs to, [n]; empty unless the kind is `answers`.
        forms: the rows' forms of query, n of them; empty unless the kind is `answers`.
    """

    kind: str
    edit_types: Sequence[str | None]
    same: NDArray[np.int64]
    scores: dict[str, Floats]
    mismatch: Floats | None
    owners: Places = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    forms: Sequence[str | None] = ()

    def split(self, values: Floats, rows: Places) -> tuple[Floats, Floats]:
        """Values of true paraphrases and values of near-misses among some rows."""
        if self.kind in ("pairs", "answers"):
            return values[rows[self.same[rows] == 1]], values[rows[self.same[rows] == 0]]
        if self.kind == "triples":
            return values[rows, 0], values[rows, 1]
        return values[rows][:, [0, 3]].ravel(), values[rows][:, [1, 2]].ravel()

    def rows_by_edit_type(self) -> dict[str, Places]:
        """Edit type -> rows. A type without paraphrases of its own gets all those that have no type."""
        types = np.array([t or "" for t in self.edit_types])
        found = {}
        for name in sorted(set(types.tolist()) - {""}):
            rows = np.flatnonzero(types == name)
            if self.kind == "pairs" and not (self.same[rows] == 1).any():
                rows = np.sort(np.append(rows, np.flatnonzero((types == "") & (self.same == 1))))
            found[name] = rows
        return found

    def rows_by_form(self) -> dict[str, Places]:
        """Form of query -> rows."""
        forms = np.array([form or "" for form in self.forms])
        return {name: np.flatnonzero(forms == name) for name in sorted(set(forms.tolist()) - {""})}


def evaluate(systems: Systems, data: NearMissSet) -> NearMissResult:
    """Score one set with every system."""
    no_labels = np.empty(0, dtype=np.int64)
    if isinstance(data, PairSet):
        flat = systems.score_pairs(data.texts1, data.texts2, data.name)
        same = np.asarray(data.same, dtype=np.int64)
        return _result("pairs", data.edit_types, same, flat, ())
    if isinstance(data, TripleSet):
        texts1 = [text for a, p in zip(data.anchors, data.positives, strict=True) for text in (a, a, p)]
        rows = zip(data.positives, data.negatives, strict=True)
        texts2 = [text for p, n in rows for text in (p, n, n)]
        flat = systems.score_pairs(texts1, texts2, data.name)
        return _result("triples", data.edit_types, no_labels, flat, (3,))
    if isinstance(data, AnswerSet):
        return _answers(systems, data)
    assert isinstance(data, ContrastSet)
    texts1 = [text for q1, q2 in zip(data.queries1, data.queries2, strict=True) for text in (q1, q1, q2, q2)]
    texts2 = [text for d1, d2 in zip(data.documents1, data.documents2, strict=True) for text in (d1, d2) * 2]
    flat = systems.score_pairs(texts1, texts2, data.name)
    return _result("contrast", (None,) * len(data.queries1), no_labels, flat, (4,))


def summarise(result: NearMissResult, threshold: float | None, seed: int) -> dict[str, object]:
    """The report's entry for one set.

    Args:
        result: the scores.
        threshold: mismatch at which a text counts as rejected; None without a verifier.
        seed: seed of the bootstrap.
    """
    everything = np.arange(len(result.edit_types))
    entry = {"kind": result.kind, **_entry(result, everything, threshold, seed)}
    entry["by_edit_type"] = {
        name: _entry(result, rows, threshold, seed) for name, rows in result.rows_by_edit_type().items()
    }
    if result.forms:
        entry["by_form"] = {
            name: _entry(result, rows, threshold, seed) for name, rows in result.rows_by_form().items()
        }
    return entry


def _answers(systems: Systems, data: AnswerSet) -> NearMissResult:
    rows = [
        (place, text, same)
        for place in range(len(data.queries))
        for same, texts in ((1, data.answers[place]), (0, data.near_misses[place]))
        for text in texts
    ]
    owners = [place for place, _, _ in rows]
    flat = systems.score_pairs(
        [data.queries[place] for place in owners], [text for _, text, _ in rows], data.name
    )
    return replace(
        _result(
            "answers",
            [data.edit_types[place] for place in owners],
            np.array([same for _, _, same in rows], dtype=np.int64),
            flat,
            (),
        ),
        owners=np.array(owners, dtype=np.int64),
        forms=[data.forms[place] for place in owners],
    )


def _result(
    kind: str,
    edit_types: Sequence[str | None],
    same: NDArray[np.int64],
    flat: dict[str, SystemScores],
    shape: tuple[int, ...],
) -> NearMissResult:
    scores = {name: part.scores.reshape(-1, *shape) for name, part in flat.items()}
    mismatch = flat["two_stage"].mismatch
    return NearMissResult(
        kind, edit_types, same, scores, None if mismatch is None else mismatch.reshape(-1, *shape)
    )


def _entry(result: NearMissResult, rows: Places, threshold: float | None, seed: int) -> dict[str, object]:
    entry: dict[str, object] = {"n": len(rows)}
    for name, scores in result.scores.items():
        measures, intervals = _measures(result, scores, rows, seed)
        rejects_by = -result.mismatch if name == "two_stage" and result.mismatch is not None else scores
        measures["rejection_at_5"] = rejection_at_loss(*result.split(rejects_by, rows), LOSS)
        if name == "two_stage":
            rejection, more = _rejection(result, rows, threshold, seed)
            measures.update(rejection)
            intervals.update(more)
        entry[name] = {**measures, "ci": intervals}
    return entry


def _measures(
    result: NearMissResult, scores: Floats, rows: Places, seed: int
) -> tuple[dict[str, float | None], dict[str, list[float] | None]]:
    if result.kind == "pairs":
        same, chosen = result.same[rows], scores[rows]
        measures = {"auc": auc(same, chosen), "ap": average_precision(same, chosen)}
        if measures["auc"] is None:
            return measures, {"auc": None, "ap": None}
        return measures, dict(ranking_intervals(same, chosen, seed))
    if result.kind == "answers":
        shares = _right_above(result, scores, rows)
        if len(shares) == 0:
            return {"right_above": None}, {"right_above": None}
        return {"right_above": float(shares.mean())}, {"right_above": mean_interval(shares, seed)}
    if result.kind == "triples":
        positive, negative, between = scores[rows].T
        hits = {
            "accuracy": triple_accuracy(positive, negative, between),
            "accuracy_anchor": (positive > negative).astype(np.float64),
        }
    else:
        hits = {"paired_accuracy": paired_accuracy(scores[rows].reshape(-1, 2, 2))}
    return (
        {name: float(values.mean()) for name, values in hits.items()},
        {name: mean_interval(values, seed) for name, values in hits.items()},
    )


def _right_above(result: NearMissResult, scores: Floats, rows: Places) -> Floats:
    """For every query with both, the share of its (answer, near-miss) pairs whose answer scores higher."""
    found = []
    for owner in dict.fromkeys(result.owners[rows].tolist()):
        mine = rows[result.owners[rows] == owner]
        right, wrong = scores[mine[result.same[mine] == 1]], scores[mine[result.same[mine] == 0]]
        if len(right) and len(wrong):
            found.append(float((right[:, None] > wrong[None, :]).mean()))
    return np.array(found)


def _rejection(
    result: NearMissResult, rows: Places, threshold: float | None, seed: int
) -> tuple[dict[str, float | None], dict[str, list[float] | None]]:
    """Shares rejected at the threshold and calibration of `mismatch`; None without a verifier."""
    nothing: dict[str, float | None] = {"rejection": None, "false_rejection": None, "ece": None}
    if result.mismatch is None:
        return nothing, {}
    kept, missed = result.split(result.mismatch, rows)
    truth = np.concatenate([np.zeros(len(kept)), np.ones(len(missed))])
    nothing["ece"] = expected_calibration_error(np.concatenate([kept, missed]), truth)
    if threshold is None:
        return nothing, {}
    intervals: dict[str, list[float] | None] = {}
    for name, values in (("rejection", missed), ("false_rejection", kept)):
        hits = (values >= threshold).astype(np.float64)
        nothing[name] = float(hits.mean()) if len(hits) else None
        intervals[name] = mean_interval(hits, seed)
    return nothing, intervals
