from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, PackedTokens
from compositional_rerank.errors import InputError
from compositional_rerank.scoring import maxsim, segment_closeness, similarity_map


def test_the_map_holds_cosines(reranker: CompositionalReranker) -> None:
    query, passage = reranker.encoder.encode(["a red cup on a blue plate", "a blue cup"], task="query")
    cosines = similarity_map(query.vectors, passage.vectors)
    assert cosines.shape == (len(query.vectors), len(passage.vectors))
    assert cosines.abs().max() <= 1
    expected = torch.nn.functional.cosine_similarity(query.vectors[:, None], passage.vectors[None], dim=-1)
    torch.testing.assert_close(cosines, expected)
    # The mean of the rows' maxima is the relevance.
    relevance = maxsim(query.vectors, PackedTokens.from_list([passage.vectors]))
    assert float(cosines.amax(dim=1).mean()) == pytest.approx(float(relevance), abs=1e-6)


def test_other_dimensions_are_an_error() -> None:
    with pytest.raises(InputError, match="same model"):
        similarity_map(torch.eye(2), torch.eye(3))


@given(
    st.integers(0, 2**31), st.integers(1, 6), st.lists(st.lists(st.integers(1, 5), max_size=3), max_size=4)
)
def test_closeness_equals_a_loop_over_segments(seed: int, queries: int, texts: list[list[int]]) -> None:
    generator = torch.Generator().manual_seed(seed)

    def unit(rows: int) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(rows, 8, generator=generator), dim=-1)

    def one_way(text: torch.Tensor, other: torch.Tensor) -> float:
        return float(maxsim(text, PackedTokens.from_list([other])))

    query, segments = unit(queries), [[unit(length) for length in lengths] for lengths in texts]
    passages = [torch.cat(parts) if parts else unit(0) for parts in segments] or [unit(0)]
    lengths = torch.tensor([length for text in texts for length in text], dtype=torch.int64)
    found = segment_closeness(query, PackedTokens.from_list(passages), lengths)
    expected = [(one_way(query, part) + one_way(part, query)) / 2 for parts in segments for part in parts]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_segments_must_cover_the_tokens() -> None:
    packed = PackedTokens.from_list([torch.eye(3)])
    with pytest.raises(InputError, match="2 tokens, the passages 3"):
        segment_closeness(torch.eye(3), packed, torch.tensor([2]))
    with pytest.raises(InputError, match="no segment is empty"):
        segment_closeness(torch.eye(3), packed, torch.tensor([3, 0]))
    with pytest.raises(InputError, match="at least one token"):
        segment_closeness(torch.zeros(0, 3), packed, torch.tensor([3]))
