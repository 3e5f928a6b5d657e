from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers.util import mean_maxsim

from compositional_rerank import PackedTokens
from compositional_rerank.errors import InputError
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE, maxsim


def unit_vectors(rng: np.random.Generator, count: int, dimension: int) -> torch.Tensor:
    vectors = torch.from_numpy(rng.standard_normal((count, dimension)).astype(np.float32))
    return torch.nn.functional.normalize(vectors, dim=-1)


def reference(query: torch.Tensor, passages: list[torch.Tensor]) -> list[float]:
    """MaxSim with loops, in float64."""
    scores = []
    for passage in passages:
        best = [
            max((float(np.dot(q, p)) for p in passage.double().numpy()), default=-np.inf)
            for q in query.double().numpy()
        ]
        scores.append(min(1.0, max(EMPTY_RELEVANCE, float(np.mean(best)))))
    return scores


@st.composite
def ragged(draw: st.DrawFn) -> tuple[torch.Tensor, list[torch.Tensor]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dimension = draw(st.sampled_from([1, 2, 3, 8, 64, 384]))
    lengths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=12))
    query = unit_vectors(rng, draw(st.integers(1, 9)), dimension)
    return query, [unit_vectors(rng, length, dimension) for length in lengths]


@given(ragged())
def test_equals_the_library_and_a_float64_loop(sample: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
    query, passages = sample
    scores = maxsim(query, PackedTokens.from_list(passages))
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores, reference(query, passages), atol=1e-5)
    # The library scores an empty document with a huge negative number; ours is the low end of the range.
    library = mean_maxsim([query], passages)[0].clamp(min=EMPTY_RELEVANCE)
    np.testing.assert_allclose(scores, library, atol=1e-5)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    query = unit_vectors(rng, 5, 16)
    passages = [unit_vectors(rng, int(length), 16) for length in rng.integers(0, 40, 60)]
    whole = maxsim(query, PackedTokens.from_list(passages))
    monkeypatch.setattr(sys.modules["compositional_rerank.scoring.tokens"], "RUN_TOKENS", 7)
    np.testing.assert_allclose(maxsim(query, PackedTokens.from_list(passages)), whole, atol=1e-6)
    np.testing.assert_allclose(whole, reference(query, passages), atol=1e-5)


def test_a_passage_longer_than_a_chunk() -> None:
    rng = np.random.default_rng(1)
    query, long = unit_vectors(rng, 3, 4), unit_vectors(rng, 20_000, 4)
    assert maxsim(query, PackedTokens.from_list([long])).tolist() == pytest.approx(reference(query, [long]))


def test_no_passages() -> None:
    empty = PackedTokens(torch.zeros(0, 2), torch.zeros(1, dtype=torch.int64))
    assert maxsim(torch.eye(2), empty).tolist() == []


def test_only_empty_passages() -> None:
    assert maxsim(torch.eye(2), PackedTokens.from_list([torch.zeros(0, 2)] * 3)).tolist() == [-1.0] * 3


@given(ragged(), st.sampled_from([torch.float16, torch.bfloat16]))
def test_half_precision_passages(sample: tuple[torch.Tensor, list[torch.Tensor]], dtype: torch.dtype) -> None:
    query, passages = sample
    packed = PackedTokens.from_list([passage.to(dtype) for passage in passages])
    scores = maxsim(query, packed)
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores, reference(query, passages), atol=2e-2)


@given(ragged())
def test_int8_passages(sample: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
    query, passages = sample
    steps = [passage.abs().amax(dim=1).clamp(min=1e-9) / 127 for passage in passages]
    numbers = [
        (passage / step[:, None]).round().to(torch.int8)
        for passage, step in zip(passages, steps, strict=True)
    ]
    scores = maxsim(query, PackedTokens.from_list(numbers, steps))
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores, reference(query, passages), atol=2e-2)


def test_int8_without_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that does not multiply int8 itself gets the same scores, from float32 products."""
    rng = np.random.default_rng(4)
    query, passage = unit_vectors(rng, 9, 384), unit_vectors(rng, 300, 384)
    steps = passage.abs().amax(dim=1) / 127
    numbers = (passage / steps[:, None]).round().to(torch.int8)
    packed = PackedTokens.from_list([numbers[:100], numbers[100:]], [steps[:100], steps[100:]])
    fast = maxsim(query, packed)
    monkeypatch.setattr("compositional_rerank.scoring.cosines.has_int8_product", lambda: False)
    exact = maxsim(query, packed)
    back = numbers.float() * steps[:, None]
    np.testing.assert_allclose(exact, reference(query, [back[:100], back[100:]]), atol=1e-5)
    np.testing.assert_allclose(fast, exact, atol=2e-3)


@given(ragged(), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_queries_in_a_batch_score_as_alone(
    sample: tuple[torch.Tensor, list[torch.Tensor]], lengths: list[int]
) -> None:
    query, passages = sample
    rng = np.random.default_rng(len(lengths))
    queries = [query, *(unit_vectors(rng, length, query.shape[1]) for length in lengths)]
    scores = maxsim(PackedTokens.from_list(queries), PackedTokens.from_list(passages))
    assert scores.shape == (len(queries), len(passages))
    for row, one in zip(scores, queries, strict=True):
        np.testing.assert_allclose(row, reference(one, passages), atol=1e-5)


def test_an_empty_query_in_a_batch_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one token"):
        maxsim(
            PackedTokens.from_list([torch.eye(2), torch.zeros(0, 2)]), PackedTokens.from_list([torch.eye(2)])
        )


@pytest.mark.parametrize("query", [torch.zeros(0, 2), torch.zeros(2), torch.zeros(1, 1, 2)])
def test_a_query_without_tokens_is_an_error(query: torch.Tensor) -> None:
    with pytest.raises(InputError, match="at least one token"):
        maxsim(query, PackedTokens.from_list([torch.eye(2)]))


def test_other_dimensions_are_an_error() -> None:
    with pytest.raises(InputError, match="3 dimensions and passage vectors 2"):
        maxsim(torch.eye(3), PackedTokens.from_list([torch.eye(2)]))
