"""Three classes of a verdict's numbers, against counting by hand and a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.audit.cache import EmbeddingCache
from compositional_rerank.audit.nli import LABELS, NliSet, evaluate, read_nli, summarise
from compositional_rerank.audit.systems import Systems
from compositional_rerank.audit.verdicts import Verdicts
from compositional_rerank.results import Verdict


@st.composite
def verdict(draw: st.DrawFn) -> Verdict:
    """A verdict that cannot be judged, or one of any probabilities."""
    if draw(st.integers(0, 4)) == 0:
        return Verdict()
    weights = np.array(draw(st.lists(st.integers(0, 7), min_size=4, max_size=4))) + 1e-3
    support, denial, differs, silent = (weights / weights.sum()).tolist()
    names = {"supports": support, "denies": denial, "differs": differs, None: silent}
    return Verdict(max(names, key=lambda name: names[name]), support, denial, differs + denial)  # type: ignore[arg-type]


def class_of(one: Verdict) -> str | None:
    if one.support is None or one.denial is None:
        return None
    numbers = [
        (one.support, "entailment"),
        (one.denial, "contradiction"),
        (1 - one.support - one.denial, "neutral"),
    ]
    return max(numbers, key=lambda number: number[0])[1]


def is_right(label: str, one: Verdict) -> bool:
    found = class_of(one)
    return found == label or (label == "non-entailment" and found in ("contradiction", "neutral"))


def difference(one: Verdict) -> float:
    return 0.0 if one.support is None or one.denial is None else one.support - one.denial


@given(st.lists(st.tuples(st.sampled_from(LABELS), verdict()), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_counting(rows: list[tuple[str, Verdict]]) -> None:
    labels = [label for label, _ in rows]
    data = NliSet("made", ["p"] * len(rows), ["h"] * len(rows), labels)
    entry: Any = summarise(data, Verdicts.of([one for _, one in rows]), seed=0)
    assert entry["n"] == len(rows)
    assert entry["accuracy"] == pytest.approx(np.mean([is_right(*row) for row in rows]))
    assert entry["not_judged"] == pytest.approx(np.mean([one.support is None for _, one in rows]))
    yes, no = (
        [difference(one) for label, one in rows if label == name] for name in ("entailment", "contradiction")
    )
    wins = [(a > b) + (a == b) / 2 for a in yes for b in no]
    assert entry["auc"] == (pytest.approx(np.mean(wins)) if wins else None)
    assert (entry["ci"]["auc"] is None) == (not wins)
    assert list(entry["by_label"]) == [label for label in LABELS if label in labels]
    for label, part in entry["by_label"].items():
        own = [one for other, one in rows if other == label]
        assert part["n"] == len(own)
        assert part["accuracy"] == pytest.approx(np.mean([is_right(label, one) for one in own]))
        for name in ("entailment", "contradiction", "neutral"):
            assert part[name] == pytest.approx(np.mean([class_of(one) == name for one in own]))


def test_a_premise_is_the_passage_and_a_hypothesis_the_query(
    nli: Path, tmp_path: Path, verifying: CompositionalReranker, embedder: StructuralEmbedder
) -> None:
    data = read_nli(nli)
    found = evaluate(Systems(embedder, verifying, EmbeddingCache(tmp_path / "cache")), data)
    assert found is not None
    for place, (hypothesis, premise) in enumerate(zip(data.hypotheses, data.premises, strict=True)):
        [one] = verifying.verify(hypothesis, [premise])
        assert found.support[place] == pytest.approx(one.support, abs=1e-4)
        assert found.denial[place] == pytest.approx(one.denial, abs=1e-4)


def test_without_a_verifier_nothing_is_said(
    nli: Path, tmp_path: Path, reranker: CompositionalReranker, embedder: StructuralEmbedder
) -> None:
    data = read_nli(nli)
    assert evaluate(Systems(embedder, reranker, EmbeddingCache(tmp_path / "cache")), data) is None
    entry: Any = summarise(data, None, seed=0)
    assert (entry["n"], entry["accuracy"], entry["auc"]) == (4, None, None)
    assert entry["by_label"]["neutral"] == {"n": 1, "accuracy": None}
