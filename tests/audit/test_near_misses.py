"""Near-miss measures: the arithmetic on made-up scores, and the known numbers of the real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.audit.cache import EmbeddingCache
from compositional_rerank.audit.formats import read_contrast, read_pairs, read_triples
from compositional_rerank.audit.intervals import mean_interval
from compositional_rerank.audit.near_misses import NearMissResult, evaluate, summarise
from compositional_rerank.audit.systems import Systems
from compositional_rerank.audit.verdicts import Verdicts
from compositional_rerank.results import Verdict

NO_LABELS = np.empty(0, dtype=np.int64)


def judged(mismatch: NDArray[np.float64]) -> Verdicts:
    """Verdicts of these mismatches; NaN cannot be judged."""
    made = [
        Verdict() if value != value else Verdict(None, 1 - value, 0.0, value) for value in mismatch.ravel()
    ]
    return Verdicts.of(made).reshape(*mismatch.shape)


def test_triples_with_a_verifier() -> None:
    scores = {s: np.array([[0.9, 0.8, 0.7], [0.9, 0.95, 0.1]]) for s in ("cosine", "maxsim", "two_stage")}
    mismatch = np.array([[0.1, 0.9, 0.9], [0.7, 0.6, 0.9]])
    result = NearMissResult("triples", ("role", "negation"), NO_LABELS, scores, judged(mismatch))
    entry = summarise(result, threshold=0.6, seed=0)
    assert (entry["kind"], entry["n"]) == ("triples", 2)
    assert entry["cosine"]["accuracy"] == entry["cosine"]["accuracy_anchor"] == 0.5
    assert entry["two_stage"]["rejection"] == 1.0
    assert entry["two_stage"]["false_rejection"] == 0.5
    assert entry["two_stage"]["ece"] == pytest.approx((0.1 + 0.7 + 0.4 + 0.1) / 4)
    assert entry["by_edit_type"]["negation"]["two_stage"]["accuracy"] == 0.0
    assert entry["by_edit_type"]["role"]["two_stage"]["false_rejection"] == 0.0


def test_a_verifier_rejects_by_mismatch_and_not_by_score() -> None:
    scores = {s: np.array([[0.5, 0.9, 0.7]]) for s in ("cosine", "maxsim", "two_stage")}
    result = NearMissResult("triples", ("role",), NO_LABELS, scores, judged(np.array([[0.1, 0.9, 0.9]])))
    entry = summarise(result, threshold=None, seed=0)
    assert [entry[s]["rejection_at_5"] for s in ("cosine", "two_stage")] == [0.0, 1.0]


def test_what_cannot_be_judged_is_not_rejected_and_not_in_the_calibration() -> None:
    scores = {"two_stage": np.array([0.9, 0.8, 0.7, 0.6])}
    mismatch = np.array([0.2, np.nan, np.nan, 0.9])
    result = NearMissResult("pairs", (None,) * 4, np.array([1, 1, 0, 0]), scores, judged(mismatch))
    entry: Any = summarise(result, threshold=0.6, seed=0)
    assert (entry["two_stage"]["rejection"], entry["two_stage"]["false_rejection"]) == (0.5, 0.0)
    assert entry["two_stage"]["rejection_at_5"] == 0.5
    assert entry["two_stage"]["ece"] == pytest.approx((0.2 + 0.1) / 2)
    assert entry["two_stage"]["auc"] == 1.0  # by the score


NUMBER = st.sampled_from([0.0, 0.3, 0.5, 1.0, float("nan")])


@given(st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), min_size=1, max_size=12))
def test_support_of_contrasts(mismatch: list[tuple[float, ...]]) -> None:
    hits = [
        hit
        for first, other, another, second in mismatch
        for hit in (1 - first > 1 - other, 1 - second > 1 - another)
    ]
    scores = {"two_stage": np.zeros((len(mismatch), 4))}
    result = NearMissResult(
        "contrast", (None,) * len(mismatch), NO_LABELS, scores, judged(np.array(mismatch))
    )
    entry: Any = summarise(result, threshold=0.5, seed=0)
    assert entry["two_stage"]["support_right"] == pytest.approx(sum(hits) / len(hits))
    assert len(entry["two_stage"]["ci"]["support_right"]) == 2


def test_the_two_queries_of_a_contrast_are_resampled_together() -> None:
    rng = np.random.default_rng(4)
    right, wrong = rng.random(20) * 0.8, rng.random(20)
    mismatch = np.stack([right, wrong, wrong, right], axis=1)
    result = NearMissResult("contrast", (None,) * 20, NO_LABELS, {"two_stage": -mismatch}, judged(mismatch))
    entry: Any = summarise(result, threshold=0.5, seed=0)
    found = entry["two_stage"]["ci"]
    assert found["rejection"] == mean_interval((wrong >= 0.5).astype(float), seed=0)
    assert found["false_rejection"] == mean_interval((right >= 0.5).astype(float), seed=0)
    low, high = found["rejection_at_5"]
    assert low < entry["two_stage"]["rejection_at_5"] < high


def test_without_a_verifier_nothing_is_said_about_mismatch() -> None:
    scores = {s: np.array([[0.9, 0.8, 0.7]]) for s in ("cosine", "maxsim", "two_stage")}
    entry = summarise(NearMissResult("triples", ("role",), NO_LABELS, scores, None), None, seed=0)
    assert [entry["two_stage"][m] for m in ("rejection", "false_rejection", "ece")] == [None] * 3


def test_pairs_by_edit_type_stand_beside_the_untyped_paraphrases() -> None:
    scores = {s: np.array([0.9, 0.2, 0.5, 0.4]) for s in ("cosine", "two_stage")}
    same = np.array([1, 0, 0, 1])
    result = NearMissResult("pairs", (None, "role", "binding", "binding"), same, scores, None)
    rows = {name: places.tolist() for name, places in result.rows_by_edit_type().items()}
    assert rows == {"binding": [2, 3], "role": [0, 1]}
    entry = summarise(result, None, seed=0)
    assert entry["by_edit_type"]["role"]["cosine"]["auc"] == 1.0
    assert entry["by_edit_type"]["binding"]["cosine"]["auc"] == 0.0


def test_contrasts_count_a_pair_only_if_both_queries_are_right() -> None:
    scores = {s: np.array([[0.9, 0.8, 0.7, 0.8], [0.9, 0.8, 0.9, 0.8]]) for s in ("cosine", "two_stage")}
    entry = summarise(NearMissResult("contrast", (None, None), NO_LABELS, scores, None), None, seed=0)
    assert entry["cosine"]["paired_accuracy"] == 0.5
    assert entry["by_edit_type"] == {}


def test_the_real_model_is_fooled(
    tmp_path: Path,
    pairs: Path,
    triples: Path,
    contrast: Path,
    reranker: CompositionalReranker,
    embedder: StructuralEmbedder,
) -> None:
    systems = Systems(embedder, reranker, EmbeddingCache(tmp_path / "cache"))
    result = evaluate(systems, read_triples(triples))
    # DESIGN's table: the swapped sentence beats the passive
    direct = (
        embedder.encode_query(["the dog bit the man"]) @ embedder.encode_document(["the man bit the dog"]).T
    )
    assert result.scores["cosine"][0, 1] == pytest.approx(float(direct[0, 0]), abs=1e-6)
    entry = summarise(result, None, seed=0)
    assert entry["by_edit_type"]["role"]["cosine"]["accuracy"] == 0.0
    assert entry["by_edit_type"]["role"]["maxsim"]["accuracy_anchor"] == 0.0
    assert summarise(evaluate(systems, read_pairs(pairs)), None, seed=0)["cosine"]["auc"] == 0.0
    assert (
        0
        <= summarise(evaluate(systems, read_contrast(contrast)), None, seed=0)["cosine"]["paired_accuracy"]
        <= 1
    )
