"""The guard: what passes, in what order, and what is counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker
from compositional_rerank.caching import CacheCounts, CacheGuard, SameQuestionEvaluation
from compositional_rerank.errors import InputError

ASKED = "Is the drug safe for children?"
DENIED = "Is the drug not safe for children?"


def test_only_the_same_question_passes(guard: CacheGuard) -> None:
    assert guard.same(ASKED, [DENIED]) == []
    assert guard.same(ASKED, [DENIED, ASKED]) == [1]
    assert guard.same(ASKED, []) == []
    counts = guard.counts
    assert (counts.hits, counts.guarded, counts.misses, counts.failures) == (1, 1, 1, 0)
    assert counts.milliseconds > 0


@pytest.mark.parametrize(
    "text", ["refund policy contractors", "¿Es segura la medicina para los niños?", "x = f(y); z = {}"]
)
def test_what_cannot_be_judged_passes_only_to_the_letter(guard: CacheGuard, text: str) -> None:
    assert guard.same(text, [text + " now"]) == []
    assert guard.same(text, [f"  {text} "]) == [0]


def test_the_surest_comes_first(shipped: CompositionalReranker) -> None:
    cached = [DENIED, "May children take the drug?", "Can children take the drug safely?"]
    support = [shipped.same_question(text, ASKED).support or 0 for text in cached]
    order = CacheGuard(shipped, least_support=0.0).same(ASKED, cached)
    assert order == sorted(range(3), key=lambda place: -support[place])


@settings(max_examples=20)
@given(st.floats(0, 1), st.floats(0, 1))
def test_more_support_lets_less_pass(shipped: CompositionalReranker, one: float, other: float) -> None:
    cached = [DENIED, "May children take the drug?", "Is the drug safe for kids?", "Who pays?", ASKED + "?"]
    loose, strict = (
        set(CacheGuard(shipped, least_support=least).same(ASKED, cached))
        for least in (min(one, other), max(one, other))
    )
    assert strict <= loose


def test_a_verifier_that_fails_is_a_miss(tmp_path: Path) -> None:
    guard = CacheGuard(CompositionalReranker(tmp_path / "no model here"))
    with pytest.warns(RuntimeWarning, match="could not be checked, a miss: ModelNotFoundError"):
        assert guard.same(ASKED, ["May children take the drug?"]) == []
    assert guard.same(ASKED, [ASKED]) == [0], "the same to the letter needs no verifier"
    counts = guard.counts
    assert (counts.hits, counts.guarded, counts.misses, counts.failures) == (1, 0, 1, 1)


def test_a_model_without_a_verifier_is_a_miss(reranker: CompositionalReranker) -> None:
    guard = CacheGuard(reranker)
    with pytest.warns(RuntimeWarning, match="has no verifier"):
        assert guard.same(ASKED, ["May children take the drug?"]) == []


def test_threads_count_every_lookup(guard: CacheGuard) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda number: guard.same(ASKED, [[ASKED], [DENIED], []][number % 3]), range(60))
        )
    assert found == [[0], [], []] * 20
    counts = guard.counts
    assert (counts.hits, counts.guarded, counts.misses) == (20, 20, 20)


def test_wrong_values_are_named(shipped: CompositionalReranker, guard: CacheGuard) -> None:
    with pytest.raises(InputError, match=r"least_support must be in \[0, 1\], got 2"):
        CacheGuard(shipped, least_support=2)
    with pytest.raises(InputError, match="least_support is None"):
        CacheGuard(shipped, least_support=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="new must be a str"):
        guard.same(None, [ASKED])  # type: ignore[arg-type]
    assert guard.counts == CacheCounts()


def test_an_evaluation_of_what_is_no_text_is_zero(guard: CacheGuard) -> None:
    evaluation = SameQuestionEvaluation(guard)
    assert evaluation.evaluation({"question": b"sound"}, {"question": b"sound"}) == 0.0
    assert evaluation.evaluation({}, {"question": ASKED}) == 0.0
    assert evaluation.counts == CacheCounts()
