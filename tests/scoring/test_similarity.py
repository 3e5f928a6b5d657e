from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, PackedTokens
from compositional_rerank.errors import InputError
from compositional_rerank.scoring import match, maxsim, similarity_map


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
    st.integers(0, 2**31),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.lists(st.lists(st.integers(1, 5), max_size=3), min_size=1, max_size=4),
)
def test_a_match_equals_a_loop_over_sentences_and_segments(
    seed: int, sentences: list[int], texts: list[list[int]]
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def unit(rows: int) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(rows, 8, generator=generator), dim=-1)

    def one_way(text: torch.Tensor, other: torch.Tensor) -> float:
        best = (text.double() @ other.double().T).amax(dim=1) if len(other) else torch.tensor(-1.0)
        return float(best.mean())

    query = [unit(rows) for rows in sentences]
    segments = [[unit(length) for length in lengths] for lengths in texts]
    passages = [torch.cat(parts) if parts else unit(0) for parts in segments]
    lengths = torch.tensor([length for text in texts for length in text], dtype=torch.int64)
    found = match(PackedTokens.from_list(query), PackedTokens.from_list(passages), lengths)
    assert found.maxsim.tolist() == pytest.approx(
        [one_way(torch.cat(query), passage) for passage in passages], abs=1e-5
    )
    for sentence, closeness in zip(query, found.closeness.tolist(), strict=True):
        pairs = [(sentence, part) for parts in segments for part in parts]
        expected = [(one_way(left, right) + one_way(right, left)) / 2 for left, right in pairs]
        assert closeness == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("tokens", [[1], [15], [16], [17], [31], [32], [33], [63], [3, 17], [20, 12]])
def test_no_width_of_a_query_shows_in_cosines_below_zero(tokens: list[int]) -> None:
    """What fills the query up to whole registers would be the best of them, were it anything of its own."""
    generator = torch.Generator().manual_seed(sum(tokens))

    def unit(rows: int) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.rand(rows, 8, generator=generator), dim=-1)

    query, passage = [-unit(rows) for rows in tokens], unit(9)
    found = match(PackedTokens.from_list(query), PackedTokens.from_list([passage]), torch.tensor([9]))
    cosines = [sentence @ passage.T for sentence in query]
    expected = [(float(c.amax(dim=1).mean()) + float(c.amax(dim=0).mean())) / 2 for c in cosines]
    assert max(expected) < 0
    assert found.closeness[:, 0].tolist() == pytest.approx(expected, abs=1e-5)
    assert float(found.maxsim[0]) == pytest.approx(float(torch.cat(cosines).amax(dim=1).mean()), abs=1e-5)


def test_segments_must_cover_the_tokens() -> None:
    query, packed = PackedTokens.from_list([torch.eye(3)]), PackedTokens.from_list([torch.eye(3)])
    with pytest.raises(InputError, match="2 tokens, the passages 3"):
        match(query, packed, torch.tensor([2]))
    with pytest.raises(InputError, match="no segment is empty"):
        match(query, packed, torch.tensor([3, 0]))
    with pytest.raises(InputError, match="at least one token"):
        match(PackedTokens.from_list([torch.eye(3), torch.zeros(0, 3)]), packed, torch.tensor([3]))


def test_the_map_of_int8_vectors_is_that_of_what_they_stand_for() -> None:
    generator = torch.Generator().manual_seed(3)
    query = torch.nn.functional.normalize(torch.randn(5, 64, generator=generator), dim=1)
    numbers = torch.randint(-127, 128, (7, 64), generator=generator, dtype=torch.int8)
    scales = 1 / numbers.float().norm(dim=1)
    expected = similarity_map(query, numbers.float() * scales[:, None])
    torch.testing.assert_close(similarity_map(query, numbers, scales), expected, atol=0.01, rtol=0)
