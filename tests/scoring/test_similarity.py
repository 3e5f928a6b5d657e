from __future__ import annotations

import pytest
import torch

from compositional_rerank import CompositionalReranker, PackedTokens
from compositional_rerank.errors import InputError
from compositional_rerank.scoring import best_segments, maxsim, similarity_map


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


def test_best_segments_come_first_and_ties_keep_their_order() -> None:
    similarities = torch.tensor([[0.5, 0.9, 0.1, 0.9]])
    spans = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 4], [4, 4]])
    assert best_segments(similarities, spans, most=9).tolist() == [1, 3, 0, 2, 4]
    assert best_segments(similarities, spans, most=2).tolist() == [1, 3]


def test_no_segments() -> None:
    assert best_segments(torch.zeros(2, 0), torch.zeros(0, 2, dtype=torch.int64), most=3).tolist() == []


def test_most_below_one_is_an_error() -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        best_segments(torch.zeros(1, 1), torch.tensor([[0, 1]]), most=0)
