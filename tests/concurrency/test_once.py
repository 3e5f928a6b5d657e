"""One encoding for all who ask, by real threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank.concurrency.once import Entries, Once
from compositional_rerank.encoding.encoded_text import EncodedText

THREADS = 12


def entry() -> EncodedText:
    nothing = torch.zeros(0, 4, dtype=torch.int32)
    return EncodedText(torch.zeros(0, 2), nothing[:, :2], torch.zeros(2), nothing)


class Shop:
    """A store and an encoder whose failures are planned."""

    def __init__(self, fails: set[int]) -> None:
        self.kept: Entries = {}
        self.counts: dict[bytes, int] = {}
        self._calls = 0
        self._fails = fails
        self._lock = Lock()

    def encode(self, texts: dict[bytes, str]) -> Entries:
        with self._lock:
            self._calls += 1
            if self._calls in self._fails:
                raise ValueError("planned")
            for key in texts:
                self.counts[key] = self.counts.get(key, 0) + 1
        return {key: entry() for key in texts}

    def keep(self, entries: Entries) -> bool:
        self.kept.update(entries)
        return True

    def look(self, keys: list[bytes]) -> Entries:
        return {key: self.kept[key] for key in keys if key in self.kept}


def ask(once: Once, shop: Shop, keys: list[bytes]) -> Entries:
    ended = once.ended
    found = shop.look(keys)
    missing = {key: str(key) for key in keys if key not in found}
    return found | once.encoded(missing, ended, shop.encode, shop.keep, shop.look)


@settings(max_examples=40)
@given(
    lists=st.lists(st.lists(st.integers(0, 9), max_size=6, unique=True), min_size=THREADS, max_size=THREADS),
    fails=st.sets(st.integers(1, 12), max_size=4),
)
def test_each_is_encoded_once_however_many_ask(lists: list[list[int]], fails: set[int]) -> None:
    once, shop, together = Once(), Shop(fails), Barrier(THREADS)

    def work(numbers: list[int]) -> Entries | None:
        keys = [bytes([number]) for number in numbers]
        together.wait()
        try:
            return ask(once, shop, keys)
        except ValueError:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(work, lists))
    for numbers, found in zip(lists, results, strict=True):
        assert found is None or found.keys() == {bytes([number]) for number in numbers}
        assert found is None or all(found[key] is shop.kept[key] for key in found)
    assert results.count(None) <= len(fails)
    assert set(shop.counts.values()) <= {1}
    assert len(once) == 0


def test_those_who_wait_for_a_thread_that_fails_encode_it_themselves() -> None:
    once, started, go_on = Once(), Event(), Event()

    def failing(texts: dict[bytes, str]) -> Entries:
        started.set()
        go_on.wait()
        raise ValueError("planned")

    def first() -> Any:
        return once.encoded({b"a": "a"}, 0, failing, lambda new: True, lambda keys: {})

    shop = Shop(set())
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        started.wait()
        two = pool.submit(ask, once, shop, [b"a"])
        assert len(once) == 1
        go_on.set()
        with pytest.raises(ValueError, match="planned"):
            one.result()
        assert two.result() == shop.kept
    assert shop.counts == {b"a": 1}


def test_who_must_keep_an_entry_does_not_take_one_that_was_not_kept() -> None:
    once, started, go_on = Once(), Event(), Event()

    def slow(texts: dict[bytes, str]) -> Entries:
        started.set()
        go_on.wait()
        return {key: entry() for key in texts}

    shop = Shop(set())
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(once.encoded, {b"a": "a"}, 0, slow, lambda new: False, lambda keys: {})
        started.wait()
        two = pool.submit(
            lambda: once.encoded({b"a": "a"}, 0, shop.encode, shop.keep, shop.look, must_keep=True)
        )
        go_on.set()
        assert one.result().keys() == two.result().keys()
    assert shop.kept.keys() == {b"a"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_waits_for_nobody() -> None:
    once, started, go_on = Once(), Event(), Event()

    def slow(texts: dict[bytes, str]) -> Entries:
        started.set()
        go_on.wait()
        return {key: entry() for key in texts}

    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(once.encoded, {b"a": "a"}, 0, slow, lambda new: True, lambda keys: {})
        started.wait()
        child = os.fork()
        if child == 0:
            try:
                found = ask(once, Shop(set()), [b"a"])
                os._exit(0 if found.keys() == {b"a"} else 1)
            except BaseException:
                os._exit(2)
        go_on.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert one.result().keys() == {b"a"}
