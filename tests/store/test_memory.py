from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from compositional_rerank import MemoryStore
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError
from compositional_rerank.store import token_key


def entry(tokens: int) -> EncodedText:
    """An entry of 24 bytes per token."""
    return EncodedText(
        torch.zeros(tokens, 4),
        torch.zeros(tokens, 2, dtype=torch.int32),
        torch.zeros(0),
        torch.zeros(0, 4, dtype=torch.int32),
    )


def test_what_went_in_comes_out_in_the_order_asked_for() -> None:
    store, first, second = MemoryStore(), entry(1), entry(2)
    store.put({b"1": first, b"2": second})
    assert store.get([b"2", b"0", b"1", b"2"]) == [second, None, first, second]
    assert store.nbytes == 3 * 24


def test_the_least_recently_used_goes_first() -> None:
    store = MemoryStore(max_bytes=3 * 24)
    store.put({b"1": entry(1), b"2": entry(1), b"3": entry(1)})
    store.get([b"1"])
    store.put({b"4": entry(1)})
    assert [found is not None for found in store.get([b"1", b"2", b"3", b"4"])] == [True, False, True, True]
    assert store.nbytes == 3 * 24


def test_replacing_an_entry_counts_its_bytes_once() -> None:
    store = MemoryStore()
    for tokens in (1, 5, 2):
        store.put({b"1": entry(tokens)})
    assert (len(store), store.nbytes) == (1, 2 * 24)


def test_an_entry_over_the_limit_pushes_nothing_out() -> None:
    store = MemoryStore(max_bytes=48)
    store.put({b"1": entry(1), b"2": entry(1)})
    store.put({b"huge": entry(3)})
    assert [found is not None for found in store.get([b"1", b"2", b"huge"])] == [True, True, False]
    store.put({b"1": entry(3)})  # now too large: the old one must not be served in its place
    assert store.get([b"1"]) == [None]
    assert store.nbytes == 24


def test_an_empty_entry_is_an_entry() -> None:
    store, empty = MemoryStore(max_bytes=1), entry(0)
    store.put({b"1": empty})
    assert store.get([b"1"]) == [empty]


def test_eight_threads_keep_the_books_in_order() -> None:
    store = MemoryStore(max_bytes=20 * 24)

    def work(worker: int) -> None:
        for step in range(200):
            key = str((worker * 7 + step) % 40).encode()
            store.put({key: entry(1 + step % 3)})
            store.get([key, b"none"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    kept = [found for found in store.get([str(key).encode() for key in range(40)]) if found is not None]
    assert len(kept) == len(store)
    assert store.nbytes == sum(found.nbytes for found in kept) <= store.max_bytes


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None, "1"])
def test_a_limit_that_is_no_positive_integer_is_an_error(limit: object) -> None:
    with pytest.raises(InputError, match="max_bytes"):
        MemoryStore(max_bytes=limit)  # type: ignore[arg-type]


def test_the_key_changes_with_the_model_the_dtype_and_the_text() -> None:
    keys = {
        token_key(model, text, dtype)
        for model in ("a", "b")
        for text in ("", "x", "X", "\ud800")
        for dtype in ("float16", "int8")
    }
    assert len(keys) == 16
    assert token_key("a", "x") == token_key("a", "x")
    assert token_key("ab", "c") != token_key("a", "bc")
