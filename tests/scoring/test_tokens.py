from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import PackedTokens
from compositional_rerank.errors import InputError


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_packing_and_unpacking_give_the_same_arrays(lengths: list[int]) -> None:
    arrays = [torch.full((length, 3), float(index)) for index, length in enumerate(lengths)]
    packed = PackedTokens.from_list(arrays)
    assert len(packed) == len(arrays)
    assert packed.lengths.tolist() == lengths
    assert all(torch.equal(left, right) for left, right in zip(packed, arrays, strict=True))


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_outside_is_an_error(index: int) -> None:
    with pytest.raises(IndexError):
        PackedTokens.from_list([torch.eye(2), torch.eye(2)])[index]


def test_an_empty_list_is_an_error() -> None:
    with pytest.raises(InputError, match="empty list"):
        PackedTokens.from_list([])


@pytest.mark.parametrize(
    ("vectors", "offsets"),
    [
        (torch.zeros(2), [0, 2]),
        (torch.zeros(2, 3, dtype=torch.int64), [0, 2]),
        (torch.zeros(2, 3), []),
        (torch.zeros(2, 3), [0, 1]),
        (torch.zeros(2, 3), [1, 2]),
        (torch.zeros(2, 3), [0, 2, 1, 2]),
    ],
)
def test_arrays_that_do_not_fit_are_an_error(vectors: torch.Tensor, offsets: list[int]) -> None:
    with pytest.raises(InputError):
        PackedTokens(vectors, torch.tensor(offsets, dtype=torch.int64))


def test_offsets_of_another_dtype_are_an_error() -> None:
    with pytest.raises(InputError, match="int64"):
        PackedTokens(torch.zeros(2, 3), torch.tensor([0, 2], dtype=torch.int32))


def test_int8_vectors_need_scales_and_others_have_none() -> None:
    numbers, offsets = torch.zeros(2, 3, dtype=torch.int8), torch.tensor([0, 2])
    assert len(PackedTokens(numbers, offsets, torch.ones(2))) == 1
    with pytest.raises(InputError, match="int8 vectors need one scale per token"):
        PackedTokens(numbers, offsets)
    with pytest.raises(InputError, match="others have none"):
        PackedTokens(numbers.float(), offsets, torch.ones(2))
    with pytest.raises(InputError, match=r"\[2\], one per vector"):
        PackedTokens(numbers, offsets, torch.ones(3))


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12))
def test_runs_are_the_texts_in_order(lengths: list[int]) -> None:
    packed = PackedTokens.from_list([torch.full((length, 1), float(length)) for length in lengths])
    runs = list(packed.split())
    assert [int(length) for run in runs for length in run.lengths] == lengths
    assert torch.equal(torch.cat([run.vectors for run in runs]), packed.vectors)
    assert all(len(run.vectors) < 20_000 for run in runs)
