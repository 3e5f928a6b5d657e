from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.store import quantise
from compositional_rerank.store.layout import Batch, Layout

DTYPES = ["float32", "float16", "int8", "int4", "int3"]
spans = st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1)) | st.tuples(
    st.integers(0, 9), st.integers(0, 9)
)


@st.composite
def batches(draw: st.DrawFn) -> list[EncodedText]:
    """Entries of one dimension with any spans, those of a real text and the worst."""
    dimension, pooled = draw(st.integers(1, 17)), draw(st.integers(0, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    entries = []
    for _ in range(draw(st.integers(1, 5))):
        tokens, segments = draw(st.lists(spans, max_size=6)), draw(st.lists(spans, max_size=3))
        entries.append(
            EncodedText(
                torch.nn.functional.normalize(torch.randn(len(tokens), dimension, generator=generator)),
                torch.tensor(tokens, dtype=torch.int32).reshape(-1, 2),
                torch.nn.functional.normalize(torch.randn(pooled, generator=generator), dim=0),
                torch.tensor([[*span, *span] for span in segments], dtype=torch.int32).reshape(-1, 4),
            )
        )
    return entries


@given(batches(), st.sampled_from(DTYPES))
def test_a_batch_comes_back_as_it_was_quantised(entries: list[EncodedText], dtype: str) -> None:
    layout = Layout(dtype, entries[0].vectors.shape[1], len(entries[0].pooled))
    packed = [layout.pack(entry) for entry in entries]
    batch = Batch(
        layout,
        np.array([len(entry.vectors) for entry in entries]),
        np.array([len(content) for content in packed]),
    )
    for view, content in zip(batch.views, packed, strict=True):
        view[:] = content
    for entry, found in zip(entries, batch.entries(), strict=True):
        expected = quantise(entry, dtype)
        for name in ("vectors", "offsets", "pooled", "segments"):
            left, right = getattr(found, name), getattr(expected, name)
            assert (left.dtype, left.shape) == (right.dtype, right.shape)
            assert torch.equal(left, right)
        if dtype in ("int8", "int4", "int3"):
            assert found.scales is not None
            assert expected.scales is not None
            assert torch.equal(found.scales, expected.scales)
        else:
            assert found.scales is None
        assert found.nbytes == expected.nbytes


def test_a_passage_of_128_tokens_takes_little_more_than_its_numbers() -> None:
    """The vectors, three bytes a token, the pooled vector, 16 bytes a segment."""
    starts = torch.arange(128) * 5
    offsets = torch.stack([starts, starts + 4], dim=1).int()
    segments = torch.zeros(6, 4, dtype=torch.int32)
    for dtype, numbers in (("float32", 512), ("float16", 256), ("int8", 128), ("int4", 64), ("int3", 48)):
        entry = EncodedText(torch.ones(128, 128) / 128**0.5, offsets, torch.zeros(384), segments)
        size = len(Layout(dtype, 128, 384).pack(entry))
        pooled = 384 * {"float32": 4, "float16": 2}.get(dtype, 1)
        assert size <= 128 * (numbers + 3) + pooled + 6 * 16 + 8
