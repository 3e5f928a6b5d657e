"""One run: it learns, goes on after a stop as if nothing had been, and stops at a loss that is no number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from sentence_transformers import CrossEncoder
from torch.optim.optimizer import register_optimizer_step_post_hook

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.errors import InputError
from compositional_rerank.training.labelling import label, logits_of
from compositional_rerank.training.network import TokenBatchSampler, build
from compositional_rerank.training.rows import DENIES, SUPPORTS, Row
from compositional_rerank.training.verifier_trainer import RunSettings, train

DENIED = 1  # place of the verdict among the logits
SETTINGS = RunSettings(learning_rate=2e-4, batch_characters=400, max_tokens=32, mean=0.5)
ROWS = [Row(f"Bus {n} is late.", f"Bus {n} is on time.", DENIES, "x") for n in range(160)]


def network() -> CrossEncoder:
    torch.manual_seed(0)
    return build(resolve(DEFAULT_BASE).path, 32, "cpu")


@contextmanager
def stopped_after(steps: int) -> Iterator[None]:
    count = 0

    def hook(*arguments: object) -> None:
        nonlocal count
        count += 1
        if count == steps:
            raise KeyboardInterrupt

    handle = register_optimizer_step_post_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def test_it_learns_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = network()
    train(whole, ROWS, None, SETTINGS, tmp_path / "whole")
    assert (logits_of(whole, ROWS[:40]).argmax(dim=1) == DENIED).all()

    parts = network()
    with stopped_after(12), pytest.raises(KeyboardInterrupt):
        train(parts, ROWS, None, SETTINGS, tmp_path / "parts")
    assert list((tmp_path / "parts").glob("checkpoint-*/mean.pt"))
    again = network()
    train(again, ROWS, None, SETTINGS, tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, again.state_dict()[name], atol=1e-4), name


def test_a_teacher_is_followed_where_labels_leave_it_open(tmp_path: Path) -> None:
    rows = [Row(row.query, row.evidence, SUPPORTS | DENIES, "x") for row in ROWS]
    taught = torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(len(rows), 1)
    pupil = network()
    train(pupil, rows, taught, SETTINGS, tmp_path / "run")
    assert (logits_of(pupil, rows[:20]).argmax(dim=1) == DENIED).all()


def test_the_batches_hold_every_row_once_and_not_too_much() -> None:
    dataset = {
        "query": ["q" * (n % 50) for n in range(300)],
        "evidence": ["e" * (n % 31) for n in range(300)],
    }
    groups = [n // 4 for n in range(300)]
    sampler = TokenBatchSampler(dataset, batch_size=200, drop_last=False, seed=3, groups=groups)
    batches = list(sampler)
    assert sorted(place for batch in batches for place in batch) == list(range(300))
    assert len(sampler) == len(batches)
    assert batches == list(sampler)
    for batch in batches:
        lengths = [len(dataset["query"][place]) + len(dataset["evidence"][place]) for place in batch]
        assert len({groups[place] for place in batch}) == 1 or max(lengths) * len(batch) <= 200
    for group in set(groups):
        members = {place for place in range(300) if groups[place] == group}
        assert sum(members <= set(batch) for batch in batches) == 1
    sampler.set_epoch(1)
    assert batches != list(sampler)


def test_labelling_goes_on_where_it_stopped(tmp_path: Path) -> None:
    teacher = network()
    torch.nn.init.normal_(teacher[2].linear.weight, std=0.5)
    file = tmp_path / "answers.safetensors"
    said: list[str] = []
    first = label(teacher, ROWS, file, said.append)
    assert first.shape == (160, 4)
    assert len(said) == 1
    torch.nn.init.zeros_(teacher[2].linear.weight)
    assert torch.equal(label(teacher, ROWS, file, said.append), first)
    assert len(said) == 1


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    broken = network()
    broken[2].linear.weight.data[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="learning rate"):
        train(broken, ROWS, None, SETTINGS, tmp_path / "run")


@pytest.mark.parametrize("wrong", [{"learning_rate": 0}, {"head": 0.5}, {"mean": 1.0}, {"max_tokens": 4}])
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        RunSettings(**wrong)  # type: ignore[arg-type]
