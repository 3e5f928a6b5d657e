from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import TokenEncoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError
from compositional_rerank.store import quantise

LEVELS = {"int8": 127, "int4": 7}


@st.composite
def encoded(draw: st.DrawFn) -> EncodedText:
    """Random unit vectors, zeros among them."""
    tokens, dimension = draw(st.integers(0, 5)), draw(st.integers(1, 9))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    vectors = torch.randn(tokens, dimension, generator=generator)
    vectors = torch.nn.functional.normalize(vectors * (torch.rand(tokens, 1, generator=generator) > 0.2))
    pooled = torch.nn.functional.normalize(torch.randn(7, generator=generator), dim=0)
    nothing = torch.zeros(0, 4, dtype=torch.int32)
    return EncodedText(vectors, nothing, pooled * draw(st.sampled_from([0, 1])), nothing)


def values(entry: EncodedText) -> torch.Tensor:
    vectors = entry.vectors.float()
    return vectors if entry.scales is None else vectors * entry.scales[:, None]


@given(encoded(), st.sampled_from(sorted(LEVELS)))
def test_whole_numbers_are_the_nearest_multiples_of_the_scale(entry: EncodedText, dtype: str) -> None:
    small = quantise(entry, dtype)
    assert small.vectors.dtype == torch.int8
    assert small.scales is not None
    for vector, row, scale in zip(entry.vectors.tolist(), small.vectors, small.scales.tolist(), strict=True):
        largest = max(map(abs, vector))
        assert scale == pytest.approx(largest / LEVELS[dtype], rel=2**-10)
        for number, value in zip(row.tolist(), vector, strict=True):
            assert abs(number) <= LEVELS[dtype]
            assert abs(number * scale - value) <= 0.51 * scale + largest * 2**-10
    assert (small.pooled - entry.pooled).abs().max() <= 1 / 127


@given(encoded())
def test_three_bits_are_the_nearest_of_eight_numbers_and_keep_products(
    entry: EncodedText,
) -> None:
    small = quantise(entry, "int3")
    assert small.scales is not None
    for vector, row, scale in zip(entry.vectors.tolist(), small.vectors.tolist(), small.scales, strict=True):
        length = math.hypot(*vector)
        spread = length / len(vector) ** 0.5 or 1.0
        for number, value in zip(row, vector, strict=True):
            gaps = {
                other: abs(other / 59 - value / spread) for other in (-127, -79, -45, -14, 14, 45, 79, 127)
            }
            assert gaps[number] <= min(gaps.values()) + 1e-5
        product = sum(number * value for number, value in zip(row, vector, strict=True))
        assert product * float(scale) == pytest.approx(length**2, rel=2**-10)


@given(encoded(), st.sampled_from(["float32", "float16", "int8", "int4", "int3"]))
def test_doing_it_again_changes_no_bit(entry: EncodedText, dtype: str) -> None:
    once = quantise(entry, dtype)
    again = quantise(once, dtype)
    for name in ("vectors", "pooled", "offsets", "segments"):
        left, right = getattr(once, name), getattr(again, name)
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
    assert (once.scales is None) == (again.scales is None) == dtype.startswith("float")
    if once.scales is not None and again.scales is not None:
        assert torch.equal(once.scales, again.scales)


def test_floats_are_what_torch_makes_of_them(encoder: TokenEncoder) -> None:
    entry = encoder.encode(["Rome is closer than Paris"], task="document")[0]
    assert torch.equal(quantise(entry, "float32").vectors, entry.vectors)
    half = quantise(entry, "float16")
    assert torch.equal(half.vectors, entry.vectors.half())
    assert torch.equal(half.pooled, entry.pooled.half().float())


def test_cosines_of_real_vectors_hardly_change(encoder: TokenEncoder) -> None:
    entry = encoder.encode(["The harbour opened in 1887 and closed again."], task="document")[0]
    for dtype, limit in (("float16", 1e-3), ("int8", 1e-2), ("int4", 0.1), ("int3", 0.2)):
        change = values(quantise(entry, dtype)) @ entry.vectors.T - entry.vectors @ entry.vectors.T
        assert change.abs().max() < limit


def test_an_unknown_dtype_is_an_error(encoder: TokenEncoder) -> None:
    entry = encoder.encode(["Rome"], task="document")[0]
    with pytest.raises(InputError, match=r"'int2' is unknown; .*: float32, float16, int8, int4, int3"):
        quantise(entry, "int2")
