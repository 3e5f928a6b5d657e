"""The loss against a slow reference, and that it learns."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.training.verdict_loss import comparison_loss, verdict_loss, words_loss

LOGITS = st.lists(st.floats(-8, 8), min_size=4, max_size=4)
MASKS = st.lists(st.booleans(), min_size=4, max_size=4).filter(any)
SHARES = st.lists(st.floats(0.05, 1), min_size=4, max_size=4)


@given(st.lists(st.tuples(LOGITS, MASKS, SHARES, st.booleans()), min_size=1, max_size=5))
def test_like_the_formula_row_by_row(rows: list[tuple[list[float], list[bool], list[float], bool]]) -> None:
    expected = 0.0
    taught = []
    for logits, mask, shares, has_teacher in rows:
        total = sum(math.exp(value) for value in logits)
        probabilities = [math.exp(value) / total for value in logits]
        labelled = -math.log(sum(p for p, allowed in zip(probabilities, mask, strict=True) if allowed))
        teacher = [share / sum(shares) for share in shares]
        distilled = -sum(t * math.log(p) for t, p in zip(teacher, probabilities, strict=True))
        expected += (labelled + distilled) / 2 if has_teacher else labelled
        taught.append(teacher if has_teacher else [0.0] * 4)
    got = verdict_loss(
        torch.tensor([row[0] for row in rows]),
        torch.tensor([row[1] for row in rows]),
        torch.tensor(taught),
    )
    assert math.isclose(float(got), expected / len(rows), rel_tol=1e-4, abs_tol=1e-4)


def test_any_verdict_that_may_be_right_is_free() -> None:
    allowed = torch.tensor([[False, True, True, False]])
    nothing = torch.zeros(1, 4)
    for logits in ([-9.0, 9.0, -9.0, -9.0], [-9.0, -9.0, 9.0, -9.0], [-9.0, 9.0, 9.0, -9.0]):
        assert float(verdict_loss(torch.tensor([logits]), allowed, nothing)) < 1e-3
    assert float(verdict_loss(torch.tensor([[9.0, -9.0, -9.0, -9.0]]), allowed, nothing)) > 5


@given(
    st.lists(st.tuples(LOGITS, MASKS, st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=6),
)
def test_comparisons_like_a_loop_over_pairs(
    rows: list[tuple[list[float], list[bool], int, int]],
) -> None:
    def odds(logits: list[float], verdict: int) -> float:
        others = [value for place, value in enumerate(logits) if place != verdict]
        return logits[verdict] - math.log(sum(map(math.exp, others)))

    expected = 0.0
    for logits, mask, query, evidence in rows:
        for other, other_mask, other_query, other_evidence in rows:
            for verdict in (0, 1):
                must = mask[verdict] and sum(mask) == 1
                if must and not other_mask[verdict] and (query == other_query or evidence == other_evidence):
                    expected += math.log1p(math.exp(odds(other, verdict) - odds(logits, verdict)))
    got = comparison_loss(
        torch.tensor([row[0] for row in rows]),
        torch.tensor([row[1] for row in rows]),
        torch.tensor([row[2] for row in rows]),
        torch.tensor([row[3] for row in rows]),
    )
    assert math.isclose(float(got), expected / len(rows), rel_tol=1e-3, abs_tol=1e-3)


def test_wrong_words_are_those_whose_characters_are_marked() -> None:
    offsets = torch.tensor([[[0, 0], [0, 3], [4, 7], [0, 0]]] * 2)
    evidence = torch.tensor([[False, True, True, False]] * 2)
    right = torch.tensor([[0.0, -9.0, 9.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert float(words_loss(right, offsets, evidence, [[(4, 7)], None])) < 1e-3
    assert float(words_loss(right, offsets, evidence, [[(0, 3)], None])) > 4
    assert float(words_loss(right, offsets, evidence, [None, None])) == 0
    first = words_loss(right, offsets, evidence, [[(0, 7)], None])
    inside = words_loss(right, offsets, evidence, [[(2, 5)], None])
    assert torch.equal(first, inside)
