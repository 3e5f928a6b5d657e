"""Joined calls against the plain function, and who waits for whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, MemoryStore
from compositional_rerank.concurrency.deadline import GivenUpError
from compositional_rerank.serving.http.together import Job, Together, joined, working_on


@given(st.lists(st.lists(st.integers(), max_size=5), max_size=12), st.integers(1, 8))
def test_everyone_gets_his_own(asked: list[list[int]], most: int) -> None:
    together = Together[int]("test", lambda items: [item * 2 for item in items], most)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(together, asked)) == [[item * 2 for item in items] for items in asked]


def test_who_comes_while_a_call_runs_is_joined() -> None:
    running, go_on, calls = Event(), Event(), []

    def call(items: list[int]) -> list[int]:
        calls.append(items)
        running.set()
        go_on.wait(60)
        return items

    together = Together[int]("test", call, most=4)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together, [0])
        running.wait(60)
        others = [pool.submit(together, [number, number]) for number in (1, 2, 3)]
        while len(together._waiting) < 3:
            pass
        go_on.set()
        assert first.result() == [0]
        assert [one.result() for one in others] == [[1, 1], [2, 2], [3, 3]]
    assert [len(items) for items in calls] == [1, 4, 2]


def test_an_error_reaches_all_that_took_part_and_no_other() -> None:
    def call(items: list[int]) -> list[int]:
        if 13 in items:
            raise ValueError("13")
        return items

    together = Together[int]("test", call, most=8)
    with pytest.raises(ValueError, match="13"):
        together([13])
    assert together([1]) == [1]


def test_work_that_nobody_wants_ends(reranker: CompositionalReranker) -> None:
    job, together = Job(), joined(reranker.with_store(MemoryStore()))  # so that all is encoded anew
    with working_on(job):
        assert len(together.rerank("Who wrote Faust?", ["Goethe wrote Faust."])) == 1
        counted = job.tokens
        job.stop()
        with pytest.raises(GivenUpError):
            together.rerank("Who wrote Faust?", ["Goethe wrote it."])
    assert job.tokens == counted > 5


def test_scores_are_those_of_the_reranker(verifying: CompositionalReranker) -> None:
    queries = ["Rome is closer than Paris.", "Who wrote Faust?", "Does the warranty cover water damage?"]
    passages = ["Paris is closer than Rome.", "Goethe wrote Faust.", "Water is covered.", "", "x " * 900]
    together = joined(verifying)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda query: together.rerank(query, passages), queries * 4))
    for query, ranking in zip(queries * 4, found, strict=True):
        expected = verifying.rerank(query, passages)
        assert [one.index for one in ranking] == [one.index for one in expected]
        assert [one.score for one in ranking] == pytest.approx([one.score for one in expected], abs=1e-4)
        assert [one.verdict for one in ranking] == [one.verdict for one in expected]
