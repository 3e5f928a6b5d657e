"""Near-miss measures of every system on one set: pairs, triples, contrasts or answers, and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.audit.answers import AnswerSet, Group
from compositional_rerank.audit.formats import ContrastSet, NearMissSet, PairSet, TripleSet
from compositional_rerank.audit.intervals import mean_interval, ranking_intervals, rejection_interval
from compositional_rerank.audit.metrics import (
    Floats,
    auc,
    average_precision,
    expected_calibration_error,
    paired_accuracy,
    rejection_at_loss,
    shares_above,
    triple_accuracy,
)
from compositional_rerank.audit.systems import Systems, SystemScores
from compositional_rerank.audit.verdicts import EXPECTED, NOT_JUDGED, Verdicts, shares

LOSS = 0.05
VERIFIED = {  # measures of the verifier alone, beside rejection and calibration
    "pairs": (),
    "triples": (),
    "contrast": ("support_right",),
    "answers": ("in_list", "verdict_accuracy", "yes_above_no"),
}
SAME: dict[Group, int] = {"answers": 1, "near_misses": 0, "silent": -1}

Places = NDArray[np.int64]
Measures = dict[str, float | None]
Intervals = dict[str, list[float] | None]


@dataclass(frozen=True)
class NearMissResult:
    """Scores of one set.

    Attributes:
        kind: `pairs`, `triples`, `contrast` or `answers`.
        edit_types: the rows' edit types, n of them; None where unknown.
        same: labels of the rows, [n]: 1 for a paraphrase or an answer, 0 for a near-miss, -1 for a text that
            says nothing of its query, of which only verdicts are counted; empty for triples and contrasts.
        scores: system -> scores, [n] for pairs and answers, [n, 3] for triples (anchor and positive, anchor
            and negative, positive and negative), [n, 4] for contrasts (q1 doc1, q1 doc2, q2 doc1, q2 doc2).
        verdicts: those of `two_stage` in the same shape; None without a verifier.
        owners: which query each row belongs to, [n]; empty unless the kind is `answers`.
        forms: the rows' forms of query, n of them; empty unless the kind is `answers`.
        expected: the rows' expected verdicts, [n], "" where unknown; empty unless the kind is `answers`.
        in_list: the rows' places where `two_stage` ranks all texts of their query behind cosine: higher is
            better, -inf where it drops one, [n]; empty unless the kind is `answers`.
    """

    kind: str
    edit_types: Sequence[str | None]
    same: Places
    scores: Mapping[str, Floats]
    verdicts: Verdicts | None = None
    owners: Places = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    forms: Sequence[str | None] = ()
    expected: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    in_list: Floats = field(default_factory=lambda: np.empty(0))

    def queries(self) -> Places:
        """Which query each score belongs to, in the shape of the scores; rows without owners are one each."""
        shape = next(iter(self.scores.values())).shape
        return self.owners if self.kind == "answers" else np.indices(shape)[0]

    def split(self, values: NDArray[Any], rows: Places) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values of true paraphrases and values of near-misses among some rows."""
        if self.kind in ("pairs", "answers"):
            return values[rows[self.same[rows] == 1]], values[rows[self.same[rows] == 0]]
        if self.kind == "triples":
            return values[rows, 0], values[rows, 1]
        return values[rows][:, [0, 3]].ravel(), values[rows][:, [1, 2]].ravel()

    def count(self, rows: Places) -> int:
        """How many of some rows there are, without those that say nothing of their query."""
        return len(rows) if not len(self.same) else int((self.same[rows] >= 0).sum())

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
    owners = [passage.owner for passage in data.passages]
    flat = systems.score_pairs(
        [data.queries[owner] for owner in owners], [passage.text for passage in data.passages], data.name
    )
    edit_types = [data.edit_types[owner] for owner in owners]
    same = np.array([SAME[passage.group] for passage in data.passages], dtype=np.int64)
    return replace(
        _result("answers", edit_types, same, flat, ()),
        owners=np.array(owners, dtype=np.int64),
        forms=[data.forms[owner] for owner in owners],
        expected=np.array([passage.verdict or "" for passage in data.passages], dtype=np.str_),
        in_list=_in_list(systems, data, np.array(owners), flat["cosine"].scores),
    )


def _in_list(systems: Systems, data: AnswerSet, owners: Places, cosines: Floats) -> Floats:
    """Places among the texts of each query, as `two_stage` ranks them behind cosine: higher is better."""
    from tqdm import tqdm

    found = np.full(len(owners), -np.inf)
    for owner in tqdm(np.unique(owners).tolist(), desc=f"{data.name}: lists", unit="query", disable=None):
        rows = np.flatnonzero(owners == owner)
        rows = rows[np.argsort(-cosines[rows], kind="stable")]
        texts = [data.passages[row].text for row in rows.tolist()]
        for rank, result in enumerate(systems.rerank(data.queries[owner], texts, cosines[rows].tolist())):
            found[rows[result.index]] = -rank
    return found


def _result(
    kind: str,
    edit_types: Sequence[str | None],
    same: Places,
    flat: Mapping[str, SystemScores],
    shape: tuple[int, ...],
) -> NearMissResult:
    scores = {name: part.scores.reshape(-1, *shape) for name, part in flat.items()}
    verdicts = flat["two_stage"].verdicts
    return NearMissResult(
        kind, edit_types, same, scores, None if verdicts is None else verdicts.reshape(-1, *shape)
    )


def _entry(result: NearMissResult, rows: Places, threshold: float | None, seed: int) -> dict[str, object]:
    entry: dict[str, object] = {"n": result.count(rows)}
    for name, scores in result.scores.items():
        measures, intervals = _measures(result, scores, rows, seed)
        rejects_by = scores
        if name == "two_stage" and result.verdicts is not None:
            rejects_by = -result.verdicts.mismatch
        measures["rejection_at_5"], intervals["rejection_at_5"] = _rejection_at_5(
            result, rejects_by, rows, seed
        )
        if name == "two_stage":
            more, wider = _verified(result, rows, threshold, seed)
            measures, intervals = measures | more, intervals | wider
        entry[name] = {**measures, "ci": intervals}
    if result.kind == "answers" and result.verdicts is not None:
        names, same = result.verdicts.names[rows], result.same[rows]
        entry["verdicts"] = {
            group: shares(names[same == label], (*EXPECTED, NOT_JUDGED))
            for group, label in SAME.items()
            if (same == label).any()
        }
    return entry


def _measures(result: NearMissResult, scores: Floats, rows: Places, seed: int) -> tuple[Measures, Intervals]:
    """Measures of the order that a system's scores make."""
    if result.kind == "pairs":
        same, chosen = result.same[rows], scores[rows]
        measures = {"auc": auc(same, chosen), "ap": average_precision(same, chosen)}
        if measures["auc"] is None:
            return measures, {"auc": None, "ap": None}
        return measures, dict(ranking_intervals(same, chosen, seed))
    if result.kind == "answers":
        same = result.same[rows]
        return _means(
            {"right_above": shares_above(result.owners[rows], same == 1, same == 0, scores[rows])}, seed
        )
    if result.kind == "triples":
        positive, negative, between = scores[rows].T
        hits = {
            "accuracy": triple_accuracy(positive, negative, between),
            "accuracy_anchor": (positive > negative).astype(np.float64),
        }
    else:
        hits = {"paired_accuracy": paired_accuracy(scores[rows].reshape(-1, 2, 2))}
    return _means(hits, seed)


def _rejection_at_5(
    result: NearMissResult, scores: Floats, rows: Places, seed: int
) -> tuple[float | None, list[float] | None]:
    """Share of near-misses below the cut that loses 5 % of the paraphrases or answers, and its interval."""
    right, wrong = result.split(scores, rows)
    found = rejection_at_loss(right, wrong, LOSS)
    if found is None:
        return None, None
    same = np.repeat([1, 0], [len(right), len(wrong)])
    # Pairs are resampled as for their AUC: paraphrases and near-misses apart.
    owners = None if result.kind == "pairs" else np.concatenate(result.split(result.queries(), rows))
    return found, rejection_interval(same, np.concatenate([right, wrong]), LOSS, seed, owners)


def _verified(
    result: NearMissResult, rows: Places, threshold: float | None, seed: int
) -> tuple[Measures, Intervals]:
    """What the verifier's verdicts are worth; None without a verifier.

    A pair that cannot be judged is not rejected, is in no order with others, and has no part in calibration
    and in the accuracy of verdicts.
    """
    wanted = ("rejection", "false_rejection", "ece", *VERIFIED[result.kind])
    verdicts = result.verdicts
    if verdicts is None:
        return dict.fromkeys(wanted), {}
    right, wrong = result.split(verdicts.mismatch, rows)
    found: dict[str, Floats] = {}
    owners: dict[str, Places] = {}
    if threshold is not None:
        for name, values in (("rejection", wrong), ("false_rejection", right)):
            found[name] = (values >= threshold).astype(np.float64)
        owners["false_rejection"], owners["rejection"] = result.split(result.queries(), rows)
    if result.kind == "contrast":
        support = verdicts.support[rows]
        first, second = support[:, 0] > support[:, 1], support[:, 3] > support[:, 2]
        found["support_right"] = (first.astype(np.float64) + second) / 2
    if result.kind == "answers":
        names, expected, answers = verdicts.names[rows], result.expected[rows], result.same[rows] == 1
        counted = (names != NOT_JUDGED) & (expected != "")
        found["verdict_accuracy"] = (names == expected)[counted].astype(np.float64)
        owners["verdict_accuracy"] = result.owners[rows][counted]
        wrong = result.same[rows] == 0
        if len(result.in_list):
            found["in_list"] = shares_above(result.owners[rows], answers, wrong, result.in_list[rows])
        yes, no = answers & (expected == "supports"), answers & (expected == "denies")
        found["yes_above_no"] = shares_above(result.owners[rows], yes, no, verdicts.support[rows])
    measures, intervals = _means(found, seed, owners)
    truth = np.repeat([0.0, 1.0], [len(right), len(wrong)])
    measures["ece"] = expected_calibration_error(np.concatenate([right, wrong]), truth)
    return dict.fromkeys(wanted) | measures, intervals


def _means(
    found: Mapping[str, Floats], seed: int, owners: Mapping[str, Places] | None = None
) -> tuple[Measures, Intervals]:
    """Mean of each measure's values and its interval, by their owners if named; None where it has none."""
    return (
        {name: float(values.mean()) if len(values) else None for name, values in found.items()},
        {name: mean_interval(values, seed, (owners or {}).get(name)) for name, values in found.items()},
    )
