"""The gate does not depend on an encoder's scale of closeness."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker
from compositional_rerank.encoding.word_encoder import WordEncoder
from compositional_rerank.verification.gauge import NEAR, UNRELATED, Gauge

CLOSENESS = st.floats(-1, 1, width=32)


class Unshipped:
    """An encoder that is not known for the shipped one."""

    shipped = False

    def __init__(self, reranker: CompositionalReranker) -> None:
        self.encode = reranker.encoder.encode


def test_the_shipped_encoder_has_the_scale_that_it_says(reranker: CompositionalReranker) -> None:
    shipped = CompositionalReranker.from_pretrained(device="cpu")
    measured = Gauge.of(Unshipped(shipped))  # type: ignore[arg-type]
    assert abs(measured.unrelated - UNRELATED) < 0.002
    assert abs(measured.near - NEAR) < 0.002
    for one in (shipped, reranker):
        closeness = torch.linspace(-1, 1, 9)
        assert torch.equal(Gauge.of(one.encoder).shipped(closeness), closeness)


@given(CLOSENESS, CLOSENESS, st.floats(0.1, 1), st.floats(-0.5, 0.5))
def test_stretched_and_shifted_closeness_comes_out_the_same(
    first: float, second: float, stretch: float, shift: float
) -> None:
    """Whatever straight line an encoder's scale lies on."""
    closeness = torch.tensor([first, second])
    gauge = Gauge(UNRELATED * stretch + shift, NEAR * stretch + shift)
    torch.testing.assert_close(
        gauge.shipped(closeness * stretch + shift), closeness.clamp(-1, 1), atol=1e-4, rtol=0
    )


def test_an_encoder_that_tells_nothing_apart_keeps_its_scale() -> None:
    closeness = torch.tensor([0.2, 0.9])
    assert torch.equal(Gauge(0.5, 0.5).shipped(closeness), closeness)


def test_words_tell_near_from_far() -> None:
    gauge = Gauge.of(WordEncoder())
    assert gauge.near - gauge.unrelated > 0.2
