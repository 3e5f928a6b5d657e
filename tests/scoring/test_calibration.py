"""From logits to probabilities, one curve for each kind of reading, and to what counts as a near-miss."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.calibration import READINGS, Calibration, mismatch

NUMBERS = st.floats(-20, 20)
CURVE = st.tuples(st.floats(0.1, 3), NUMBERS, NUMBERS, NUMBERS, NUMBERS)
KIND = st.sampled_from(READINGS)
PLAIN: dict[Any, tuple[float, ...]] = dict.fromkeys(READINGS, (1.0, 0.0, 0.0, 0.0, 0.0))
DENIED = torch.tensor([[0.1, 0.7, 0.15, 0.05]])


def softmax(curve: tuple[float, ...], logits: list[float]) -> list[float]:
    values = [curve[0] * logit + offset for logit, offset in zip(logits, curve[1:], strict=True)]
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


@given(
    st.tuples(CURVE, CURVE, CURVE, CURVE),
    st.lists(st.tuples(KIND, st.lists(NUMBERS, min_size=4, max_size=4)), max_size=5),
)
def test_every_row_is_a_softmax_with_the_curve_of_its_kind(
    curves: tuple[tuple[float, ...], ...], rows: list[tuple[Any, list[float]]]
) -> None:
    calibration = Calibration(dict(zip(READINGS, curves, strict=True)))
    logits = torch.tensor([row for _, row in rows], dtype=torch.float64).reshape(-1, 4)
    found = calibration.probabilities(logits, [kind for kind, _ in rows])
    assert (found.dtype, found.shape) == (torch.float32, (len(rows), 4))
    for row, (kind, values) in zip(found.tolist(), rows, strict=True):
        assert row == pytest.approx(softmax(calibration.curves[kind], values), abs=1e-4)
        assert sum(row) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "curves",
    [
        {},
        {"statement": PLAIN["statement"]},
        {**PLAIN, "keywords": PLAIN["statement"]},
        {**PLAIN, "statement": (1.0, 0.0, 0.0, 0.0)},
        {**PLAIN, "statement": (0.0, 0.0, 0.0, 0.0, 0.0)},
        {**PLAIN, "statement": (-1.0, 0.0, 0.0, 0.0, 0.0)},
        {**PLAIN, "statement": (1.0, 0.0, math.nan, 0.0, 0.0)},
        {**PLAIN, "statement": (math.inf, 0.0, 0.0, 0.0, 0.0)},
    ],
)
def test_curves_that_are_none_are_an_error(curves: dict[Any, tuple[float, ...]]) -> None:
    with pytest.raises(CheckpointError, match="calibration wants a scale above 0 and four offsets for each"):
        Calibration(curves)


@pytest.mark.parametrize(
    ("reading", "auto"), [("statement", 0.85), ("yes_no", 0.15), ("question", 0.85), ("same_question", 0.85)]
)
def test_a_no_is_an_answer_to_a_yes_no_question_alone(reading: Any, auto: float) -> None:
    assert float(mismatch(DENIED, [reading])) == pytest.approx(auto)
    assert float(mismatch(DENIED, [reading], "keep")) == pytest.approx(0.15)
    assert float(mismatch(DENIED, [reading], "penalise")) == pytest.approx(0.85)


@given(st.lists(st.tuples(KIND, st.lists(NUMBERS, min_size=4, max_size=4)), min_size=1, max_size=5))
def test_a_mismatch_is_a_probability_and_grows_with_what_counts(rows: list[tuple[Any, list[float]]]) -> None:
    kinds = [kind for kind, _ in rows]
    logits = torch.tensor([values for _, values in rows])
    probabilities = Calibration(PLAIN).probabilities(logits, kinds)
    kept, auto, punished = (mismatch(probabilities, kinds, one) for one in ("keep", "auto", "penalise"))
    assert bool((kept <= auto).all() and (auto <= punished).all())
    assert 0 <= float(kept.min()) <= float(punished.max()) <= 1


@pytest.mark.parametrize("denials", ["auto", "keep", "penalise"])
def test_no_rows(denials: Any) -> None:
    assert Calibration(PLAIN).probabilities(torch.zeros(0, 4), []).shape == (0, 4)
    assert mismatch(torch.zeros(0, 4), [], denials).shape == (0,)
