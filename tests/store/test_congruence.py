"""What the memory, file and Redis store promise alike: TokenStore, and the same scores from all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, MemoryStore, TokenEncoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError, StoreError
from compositional_rerank.store import TokenStore, open_store, quantise

KINDS = ["memory", "file", "redis"]
DTYPES = ["float32", "float16", "int8", "int4", "int3"]
SHARED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
numbers = count()

Make = Callable[..., tuple[TokenStore, Callable[[], TokenStore]]]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes an empty store of a dtype, and what opens it once more, as another process would."""

    def of_kind(dtype: str = "int8") -> tuple[TokenStore, Callable[[], TokenStore]]:
        if request.param == "memory":
            store = MemoryStore(dtype=dtype)
            return store, lambda: store
        name = str(tmp_path / f"store{next(numbers)}")
        if request.param == "redis":
            server = request.getfixturevalue("redis_server")
            name = server.url(prefix=f"{os.getpid()}-{next(numbers)}", dtype=dtype)
        return open_store(name, dtype), lambda: open_store(name)

    return of_kind


def assert_has(store: TokenStore, expected: dict[bytes, Any], kit: Any, keys: list[bytes]) -> None:
    for key, found in zip(keys, store.get(keys), strict=True):
        assert kit.same(found, expected[key], store.dtype) if key in expected else found is None


@SHARED
@given(data=st.data())
def test_it_keeps_what_a_dict_keeps(make: Make, kit: Any, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    store, again = make(dtype)
    expected: dict[bytes, Any] = {}
    for _ in range(data.draw(st.integers(1, 5))):
        names = data.draw(st.lists(st.integers(0, 6), max_size=4))
        entries = {
            kit.key(name): kit.entry(data.draw(st.integers(0, 4)), data.draw(st.integers(0, 9)))
            for name in names
        }
        store.put({key: quantise(entry, dtype) for key, entry in entries.items()})
        expected.update(entries)
        asked = data.draw(st.lists(st.integers(0, 8), max_size=12))  # also twice, and unknown ones
        assert_has(store, expected, kit, [kit.key(name) for name in asked])
        assert_has(again(), expected, kit, [kit.key(name) for name in range(9)])
        assert len(store) == len(expected)  # type: ignore[arg-type]
        assert store.nbytes >= 0  # type: ignore[attr-defined]


TEXTS = ["Rome is closer. Paris is not!", "", "naïve café 😀", "word " * 700, "a" + " " * 500 + "b" * 300]


@pytest.fixture(scope="module")
def encoded(encoder: TokenEncoder) -> list[EncodedText]:
    return encoder.encode(TEXTS, task="document")


@pytest.mark.parametrize("dtype", DTYPES)
def test_real_passages_come_back(encoded: list[EncodedText], make: Make, kit: Any, dtype: str) -> None:
    entries = dict(zip(map(kit.key, TEXTS), encoded, strict=True))
    store, again = make(dtype)
    store.put({key: quantise(entry, dtype) for key, entry in entries.items()})
    for one in (store, again()):
        assert_has(one, entries, kit, [*reversed(entries), kit.key("none"), *entries])
        assert one.get([]) == []
        one.put({})


def test_what_came_out_stays_as_it_was(make: Make, kit: Any) -> None:
    store, _ = make()
    store.put({kit.key(1): quantise(kit.entry(), "int8")})
    (found,) = store.get([kit.key(1)])
    store.put({kit.key(1): quantise(kit.entry(seed=2), "int8")})
    assert kit.same(found, kit.entry())


def test_threads_read_and_write_at_once(make: Make, kit: Any) -> None:
    store, _ = make()
    entries = {kit.key(index): quantise(kit.entry(1 + index % 4, index), "int8") for index in range(24)}
    keys = list(entries)

    def work(worker: int) -> None:
        for step in range(10):
            mine = [keys[(worker * 5 + step * 3 + more) % len(keys)] for more in range(4)]
            store.put({key: entries[key] for key in mine[:2]})
            assert all(found is not None for found in store.get(mine[:2]))
            assert_has(store, {key: entries[key] for key in mine[:2]}, kit, mine[:2])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert_has(store, entries, kit, keys)


def test_an_unknown_dtype(make: Make) -> None:
    with pytest.raises((InputError, StoreError), match="'int2'"):  # the second of an address
        make("int2")


QUERY = "The drug is safe for children."
PASSAGES = [
    "The drug is not safe for children.",
    "Children can take the drug without risk. It was tested in twelve towns.",
    "The museum opens at nine.",
    "",
    "naïve café 😀 " * 200,
    "The drug is not safe for children.",
]

_RANK = f"""
import json, sys
from compositional_rerank import CompositionalReranker
reranker = CompositionalReranker.from_pretrained(device="cpu", store=json.loads(sys.argv[1]))
ranking = reranker.rerank({QUERY!r}, {PASSAGES!r})
rows = [[one.index, one.score.hex(), one.maxsim.hex(), one.mismatch, one.verdict] for one in ranking]
print(json.dumps(rows))
"""


def test_scores_are_the_same_from_all_stores_and_processes(tmp_path: Path, redis_server: Any) -> None:
    """Each process has a store of its own kind, and is the first to fill it or finds it filled."""
    shared = [str(tmp_path / "store"), redis_server.url(prefix=f"same-{os.getpid()}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    def start(name: str | None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _RANK, json.dumps(name)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    processes = list(map(start, [None, *shared]))
    first = [process.communicate()[0] for process in processes]
    assert len(set(first)) == 1
    assert len(json.loads(first[0])) == len(PASSAGES)
    reranker = CompositionalReranker.from_pretrained(device="cpu", store=shared[1])
    before = reranker.encoder.encode
    reranker.encoder.encode = lambda texts, task, **more: (  # type: ignore[method-assign]
        before(texts, task=task, **more) if task == "query" else pytest.fail("it was in the store")
    )
    for store in map(open_store, shared):
        ranking = reranker.with_store(store).rerank(QUERY, PASSAGES)
        rows = [[one.index, one.score.hex(), one.maxsim.hex(), one.mismatch, one.verdict] for one in ranking]
        assert rows == json.loads(first[0])
