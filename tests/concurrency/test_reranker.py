"""One loaded reranker under many threads and tasks gives exactly the results of serial calls."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from compositional_rerank import CompositionalReranker, MemoryStore, Ranking
from compositional_rerank.errors import CheckpointError, DeadlineError, InputError, StoreError
from compositional_rerank.results import RankedPassage

SUBJECTS = ["drug", "museum", "train", "contract", "lake", "teacher"]
CLAIMS = ["is safe for children", "opens at nine", "is not safe for children", "was sold in 1990"]
TEXTS = [f"The {subject} {claim}." for subject in SUBJECTS for claim in CLAIMS]
REQUESTS = 24


@pytest.fixture(scope="module")
def default() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture
def cold(default: CompositionalReranker) -> CompositionalReranker:
    """The shipped model with an empty store."""
    return default.with_store(MemoryStore())


def request_of(number: int) -> dict[str, Any]:
    """Arguments of one of the requests, which share passages."""
    rng = random.Random(number % REQUESTS)
    passages = rng.choices(TEXTS, k=rng.randint(1, 10))
    return {"query": rng.choice(TEXTS), "passages": passages, "max_verified": 1}


@pytest.fixture
def read(cold: CompositionalReranker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every passage that the real encoder reads."""
    texts: list[str] = []
    before = type(cold.encoder).encode

    def encode(self: Any, some: list[str], *, task: Any, **more: Any) -> Any:
        texts.extend(some if task == "document" else [])
        return before(self, some, task=task, **more)

    monkeypatch.setattr(type(cold.encoder), "encode", encode)
    return texts


def test_64_threads_get_what_serial_calls_get(cold: CompositionalReranker, read: list[str]) -> None:
    together = threading.Barrier(64)

    def work(number: int) -> Ranking:
        if number < 64:
            together.wait()
        return cold.rerank(**request_of(number))

    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(work, range(96)))
    assert len(read) == len(set(read))  # each passage was encoded once
    expected = [cold.rerank(**request_of(number)) for number in range(REQUESTS)]
    assert found == [expected[number % REQUESTS] for number in range(96)]


async def test_500_tasks_get_what_serial_calls_get(cold: CompositionalReranker, read: list[str]) -> None:
    found = await asyncio.gather(*(cold.arerank(**request_of(number)) for number in range(500)))
    assert len(read) == len(set(read))
    expected = [cold.rerank(**request_of(number)) for number in range(REQUESTS)]
    assert found == [expected[number % REQUESTS] for number in range(500)]


async def test_cancelled_tasks_leave_nothing_behind(cold: CompositionalReranker, read: list[str]) -> None:
    rng = random.Random(0)
    new = [[f"{text} That is passage {number}." for text in TEXTS] for number in range(20)]
    tasks = [asyncio.create_task(cold.arerank("Is it safe?", texts)) for texts in new]
    for task in tasks:
        await asyncio.sleep(rng.random() / 20)
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(result, asyncio.CancelledError) for result in results)
    shelf = cold._loaded().shelf
    deadline = time.monotonic() + 60
    while len(shelf._once) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert len(shelf._once) == 0
    assert cold.rerank("Is it safe?", new[3]) == await cold.arerank("Is it safe?", new[3])


class TestDeadline:
    """The model is slow in these tests because they make it wait, as a busy machine would."""

    @pytest.fixture
    def busy(self, cold: CompositionalReranker) -> Any:
        """All turns at the processor are taken while the test runs."""
        from compositional_rerank.concurrency.turns import cores, turn

        turns = [turn() for _ in range(max(1, cores() // torch.get_num_threads()))]
        for one in turns:
            one.__enter__()
        yield
        for one in turns:
            one.__exit__(None, None, None)

    def test_the_candidates_come_back_as_they_came(self, cold: CompositionalReranker, busy: None) -> None:
        ranking = cold.rerank(
            "Is it safe?", TEXTS, retrieval_scores=range(len(TEXTS)), timeout=0.1, on_timeout="keep"
        )
        assert ranking.degraded == ("timeout",)
        assert [result.text for result in ranking] == TEXTS
        assert [result.index for result in ranking] == list(range(len(TEXTS)))
        assert [result.retrieval_score for result in ranking] == list(range(len(TEXTS)))
        for result in ranking:
            assert result.score != result.score != result.relevance
            assert result.verdict is result.support is result.mismatch is result.evidence is None
        cut = cold.rerank("Is it safe?", TEXTS, 3, min_score=0.9, timeout=0.1, on_timeout="keep")
        assert [result.text for result in cut] == TEXTS[:3]  # what has no score is below no limit

    def test_or_an_error(self, cold: CompositionalReranker, busy: None) -> None:
        with pytest.raises(DeadlineError, match=r"within timeout=0\.1 s"):
            cold.rerank("Is it safe?", TEXTS, timeout=0.1)

    async def test_of_tasks(self, cold: CompositionalReranker, busy: None) -> None:
        asked = [cold.arerank("Is it safe?", TEXTS, timeout=0.1, on_timeout="keep") for _ in range(40)]
        for ranking in await asyncio.gather(*asked):
            assert ranking.degraded == ("timeout",)
        with pytest.raises(DeadlineError):
            await cold.arerank("Is it safe?", TEXTS, timeout=0.1)

    async def test_a_deadline_that_is_met_changes_nothing(self, cold: CompositionalReranker) -> None:
        expected = cold.rerank("Is it safe?", TEXTS)
        assert expected.degraded == ()
        assert cold.rerank("Is it safe?", TEXTS, timeout=600) == expected
        assert await cold.arerank("Is it safe?", TEXTS, timeout=600) == expected

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"timeout": 0}, "timeout must be above 0"),
            ({"timeout": -1}, r"timeout must be in \[0, 1e\+06\], got -1"),
            ({"timeout": float("nan")}, "timeout must be in"),
            ({"timeout": "1"}, "timeout must be a number or None, got str"),
            ({"timeout": True}, "timeout must be a number"),
            ({"on_timeout": "drop"}, "on_timeout 'drop' is unknown; choose one of: raise, keep"),
        ],
    )
    async def test_bad_arguments(self, cold: CompositionalReranker, options: Any, said: str) -> None:
        with pytest.raises(InputError, match=said):
            cold.rerank("Is it safe?", TEXTS, **options)
        with pytest.raises(InputError, match=said):
            await cold.arerank("Is it safe?", TEXTS, **options)
        with pytest.raises(InputError, match="query is blank"):
            await cold.arerank(" ", TEXTS)

    def test_an_unranked_passage_equals_itself(self) -> None:
        assert RankedPassage.unranked(0, "a", None) == RankedPassage.unranked(0, "a", None)


class TestMissingVerifier:
    @pytest.fixture(params=["gone", "damaged"])
    def folder(self, request: pytest.FixtureRequest, checkpoint_folder: Path, tmp_path: Path) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        for file in checkpoint_folder.iterdir():
            if file.name != "verifier.safetensors":
                (folder / file.name).symlink_to(file)
            elif request.param == "damaged":
                (folder / file.name).write_bytes(file.read_bytes()[:-1] + b"\x00\x01")
        return folder

    def test_is_an_error(self, folder: Path) -> None:
        with pytest.raises(CheckpointError, match=r"verifier\.safetensors"):
            CompositionalReranker.from_pretrained(folder, device="cpu")

    def test_or_maxsim_alone_which_every_ranking_says(
        self, folder: Path, verifying: CompositionalReranker
    ) -> None:
        with pytest.warns(RuntimeWarning, match=r"ranks by MaxSim alone: .*verifier\.safetensors"):
            without = CompositionalReranker.from_pretrained(
                folder, device="cpu", store=MemoryStore(dtype="float32"), on_missing_verifier="maxsim"
            )
        ranking = without.rerank("The drug is safe for children.", TEXTS)
        assert ranking.degraded == ("verifier",)
        relevance = {
            result.index: result.relevance
            for result in verifying.rerank("The drug is safe for children.", TEXTS)
        }
        for result in ranking:
            assert result.mismatch is result.verdict is None
            assert result.score == result.relevance == pytest.approx(relevance[result.index], abs=1e-5)
        assert without.fingerprint != verifying.fingerprint
        assert without.threshold is None
        with pytest.raises(InputError, match="has no verifier"):
            without.verify("The drug is safe for children.", TEXTS)


def test_choices_are_checked() -> None:
    for options in ({"on_store_error": "ignore"}, {"on_missing_verifier": "skip"}):
        with pytest.raises(InputError, match="is unknown; choose one of"):
            CompositionalReranker(**options)  # type: ignore[arg-type]


class Flaky:
    """A store of the user's own that fails when it is told to."""

    dtype = "int8"

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.fails: set[str] = set()

    def get(self, keys: Any) -> Any:
        if "get" in self.fails:
            raise StoreError("the user's store cannot be read")
        return self.kept.get(keys)

    def put(self, entries: Any) -> None:
        if "put" in self.fails:
            raise StoreError("the user's store cannot be written")
        self.kept.put(entries)


@pytest.mark.parametrize("fails", [{"get"}, {"put"}, {"get", "put"}])
def test_an_outage_is_warned_of_once_and_changes_no_score(
    default: CompositionalReranker, fails: set[str]
) -> None:
    store = Flaky()
    own = default.with_store(store)
    expected = own.rerank("Is it safe?", TEXTS[:3])
    store.fails = fails
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(8) as pool:
            asked = [[*TEXTS[:3], f"New passage {number}."] for number in range(8)]
            results = list(pool.map(lambda texts: own.rerank("Is it safe?", texts), asked))
    assert [str(one.message).partition(": ")[2] for one in told] == [
        f"the user's store cannot be {'read' if 'get' in fails else 'written'}"
    ]
    for ranking in results:
        scores = {result.text: result.score for result in ranking}
        assert all(scores[result.text] == pytest.approx(result.score, abs=0.02) for result in expected)
    assert own.store_failures >= 1
