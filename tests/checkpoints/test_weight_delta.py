"""Four-bit changes: what comes back is what went in, within half a step."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank.checkpoints.weight_delta import GROUP, apply_delta, compress_delta
from compositional_rerank.errors import CheckpointError

TINY = 2.0**-24  # the smallest float16 above 0; a step is known to half of it


def model(rows: int, columns: int, seed: int = 0) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(columns, rows)


def parameters(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 4),
    groups=st.integers(1, 3),
    scale=st.floats(1e-9, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_group_comes_back_within_half_a_step(rows: int, groups: int, scale: float, seed: int) -> None:
    base = model(rows, groups * GROUP)
    base.weight.data.zero_()  # so that float32 addition rounds nothing away
    before = parameters(base)
    change = torch.randn(rows, groups * GROUP, generator=torch.Generator().manual_seed(seed)) * scale
    apply_delta(base, compress_delta(before, before | {"weight": change}))
    errors = (base.weight - change).abs().reshape(rows, groups, GROUP).amax(dim=2)
    steps = change.abs().reshape(rows, groups, GROUP).amax(dim=2) / 7
    # half a step, the float16 rounding of the step on all seven of them, and float32 noise
    assert bool((errors <= steps * (0.5 + 7 * 2**-11 + 1e-5) + 4 * TINY).all())
    assert torch.equal(base.bias, before["bias"])


@pytest.mark.parametrize("size", [1e-3, 1e-4, 1e-5, 3e-6])
def test_small_changes_keep_their_size(size: float) -> None:
    """float16 steps below 6e-5 are subnormal; short trainings make such changes."""
    base = model(1, GROUP)
    base.weight.data.zero_()
    before = parameters(base)
    apply_delta(base, compress_delta(before, before | {"weight": torch.full((1, GROUP), size)}))
    assert base.weight.mean().item() == pytest.approx(size, rel=0.08)


def test_changes_below_float16_become_none() -> None:
    base = model(2, GROUP)
    base.weight.data.zero_()
    before = parameters(base)
    apply_delta(base, compress_delta(before, before | {"weight": torch.full((2, GROUP), 1e-12)}))
    assert not base.weight.any()


def test_unchanged_parameters_are_left_out() -> None:
    before = parameters(model(2, GROUP))
    assert compress_delta(before, before) == {}
    assert set(compress_delta(before, before | {"bias": before["bias"] + 1})) == {"bias"}
    assert set(compress_delta(before, before | {"weight": before["weight"] + 1})) == {
        "weight.codes",
        "weight.steps",
    }


def test_other_widths_are_kept_in_float16() -> None:
    base = model(3, 5)
    before = parameters(base)
    tensors = compress_delta(before, before | {"weight": before["weight"] + 0.25})
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {"weight": torch.float16}
    apply_delta(base, tensors)
    torch.testing.assert_close(base.weight.detach(), before["weight"] + 0.25, atol=1e-3, rtol=0)


def test_four_bits_a_number_and_a_step_a_group() -> None:
    before = parameters(model(8, 4 * GROUP))
    tensors = compress_delta(before, before | {"weight": before["weight"] + torch.randn(8, 4 * GROUP)})
    assert sum(tensor.nbytes for tensor in tensors.values()) == 8 * 4 * (GROUP // 2 + 2)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.ones(3, 3)}, r"changes weight of shape \(3, 3\), the base model has \(2, 32\)"),
        ({"other": torch.ones(2)}, "other of shape .* no such parameter"),
        ({"weight.codes": torch.zeros(2, 16, dtype=torch.uint8)}, "steps of weight do not fit"),
        (
            {"weight.codes": torch.zeros(2, 16, dtype=torch.uint8), "weight.steps": torch.ones(1, 1)},
            "steps of weight do not fit",
        ),
        (
            {"weight.codes": torch.zeros(4, 16, dtype=torch.uint8), "weight.steps": torch.ones(4, 1)},
            r"\(4, 32\), the base model has \(2, 32\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tensors: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        apply_delta(model(2, GROUP), tensors)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_a_diverged_training_is_not_written(value: float) -> None:
    before = parameters(model(2, GROUP))
    with pytest.raises(CheckpointError, match="weight is not finite in float16: training diverged"):
        compress_delta(before, before | {"weight": torch.full((2, GROUP), value)})


def test_tuned_parameters_must_have_the_base_s_shapes() -> None:
    before = parameters(model(2, GROUP))
    with pytest.raises(CheckpointError, match="bias of shape"):
        compress_delta(before, {"weight": before["weight"]})
    with pytest.raises(CheckpointError, match="weight of shape"):
        compress_delta(before, before | {"weight": torch.ones(1, GROUP)})
