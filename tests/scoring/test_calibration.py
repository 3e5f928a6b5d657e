"""From logits to probabilities: the curve, its questions, and how it is fitted."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.errors import CheckpointError, DataError
from compositional_rerank.scoring.calibration import Calibration, asks
from compositional_rerank.training.calibration import fit_calibration

NUMBERS = st.floats(-20, 20)
STATEMENT, QUESTION = "It rains.", "Does it rain?"


def obvious(calibration: Calibration, logit: float, query: str) -> float:
    chance = 1 / (1 + math.exp(-logit))
    total = calibration.below * math.log(chance) - calibration.above * math.log(1 - chance)
    total += calibration.intercept + (calibration.question if query.endswith("?") else 0)
    return 1 / (1 + math.exp(-total))


@given(NUMBERS, st.floats(0.1, 2), st.floats(0.1, 2), st.floats(-3, 3), st.floats(-3, 3), st.booleans())
def test_it_is_beta_calibration(
    logit: float, below: float, above: float, intercept: float, question: float, asked: bool
) -> None:
    calibration, query = Calibration(below, above, intercept, question), QUESTION if asked else STATEMENT
    found = calibration.mismatch(torch.tensor([logit], dtype=torch.float64), [query])
    assert float(found) == pytest.approx(obvious(calibration, logit, query), abs=1e-4)


@given(st.lists(NUMBERS, min_size=2, max_size=9, unique=True))
def test_rising_slopes_keep_the_order(logits: list[float]) -> None:
    found = Calibration(0.3, 1.5, -1.0, 0.5).mismatch(torch.tensor(sorted(logits)), [STATEMENT] * len(logits))
    assert bool((found.diff() >= 0).all())


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Calibration)])
def test_its_numbers_must_be_finite(field: str) -> None:
    with pytest.raises(CheckpointError, match="finite"):
        dataclasses.replace(Calibration(1.0, 1.0, 0.0, 0.0), **{field: float("nan")})


@pytest.mark.parametrize("text", ["Who?", "Who? ", '"Who?"', "(Who?)", "谁？", "It rains. Does it?"])
def test_questions(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["It rains.", "Who? Me.", "", "?!"])
def test_no_questions(text: str) -> None:
    assert not asks(text)


def sample(truth: Calibration, queries: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(len(queries), generator=generator)
    chances = truth.mismatch(logits, queries)
    return logits, (torch.rand(len(queries), generator=generator) < chances).float()


def test_it_finds_the_curve_that_made_the_labels() -> None:
    truth, queries = Calibration(0.5, 1.5, -0.5, 1.2), [STATEMENT, QUESTION] * 20_000
    found = fit_calibration(*sample(truth, queries), queries)
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(truth), abs=0.1)


@pytest.mark.parametrize("query", [STATEMENT, QUESTION])
def test_one_form_alone_keeps_the_given_step(query: str) -> None:
    truth, queries = Calibration(0.5, 1.5, -0.5, 1.2), [query] * 40_000
    found = fit_calibration(*sample(truth, queries), queries, question=1.2)
    assert found.question == 1.2
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(truth), abs=0.1)


def test_where_the_two_slopes_do_not_rise_there_is_one() -> None:
    logits = torch.tensor([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0] * 50)
    labels = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0] * 50)
    found = fit_calibration(logits, labels, [STATEMENT] * 400)
    assert found.below == found.above > 0


def test_weights_count() -> None:
    logits, labels = torch.tensor([-1.0, 1.0] * 100), torch.tensor([0.0, 1.0, 1.0, 1.0] * 50)
    heavy = torch.where(labels > 0, 10.0, 1.0)
    queries = [STATEMENT] * 200
    plain, weighted = (
        fit_calibration(logits, labels, queries, weights=weights).mismatch(logits[:1], queries[:1])
        for weights in (None, heavy)
    )
    assert float(weighted) > float(plain)


def test_one_label_or_a_number_that_is_none() -> None:
    logits = torch.tensor([0.5, 1.0])
    with pytest.raises(DataError, match="both labels"):
        fit_calibration(logits, torch.ones(2), [STATEMENT] * 2)
    with pytest.raises(DataError, match="diverged"):
        fit_calibration(logits / 0, torch.tensor([0.0, 1.0]), [STATEMENT] * 2)
