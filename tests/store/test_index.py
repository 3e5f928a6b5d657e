from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.errors import InputError
from compositional_rerank.store.index import RECORD, Index, Records, key_words, parse, seal

keys = st.integers(0, 12).map(lambda number: bytes([number * 20]) * 32)


def records(put: list[tuple[bytes, int]]) -> Records:
    made = np.zeros(len(put), RECORD)
    if put:
        made["key"] = key_words([key for key, _ in put])
        made["start"] = [start for _, start in put]
    return seal(made)


@given(st.lists(st.lists(st.tuples(keys, st.integers(0, 2**60)), max_size=8), max_size=6), st.data())
def test_it_finds_what_a_dict_finds(puts: list[list[tuple[bytes, int]]], data: st.DataObject) -> None:
    index, expected = Index(), {}
    for put in puts:
        index = index.with_records(records(put))
        expected.update(put)
        if data.draw(st.booleans()):  # what a large store does from time to time
            index = Index().with_records(index.live())
    asked = data.draw(st.lists(keys, min_size=1))
    found, rows = index.find(key_words(asked))
    answer = [start if here else None for here, start in zip(found, rows["start"].tolist(), strict=True)]
    assert answer == [expected.get(key) for key in asked]
    assert len(index) == len(expected)
    assert index.live()["start"].tolist() == sorted(expected.values())


def test_many_records_end_in_the_long_run() -> None:
    many = np.zeros(200_000, RECORD)
    many["key"] = np.random.default_rng(0).integers(0, 2**62, (len(many), 2))
    many["start"] = np.arange(len(many))
    index = Index()
    for part in np.split(many, 40):
        index = index.with_records(part)
    again = many[::1000].copy()
    again["start"] += 1_000_000
    index = index.with_records(again)
    assert len(index) == len(many)
    found, rows = index.find(many["key"][:2000])
    assert found.all()
    expected = many["start"][:2000].copy()
    expected[::1000] += 1_000_000
    assert rows["start"].tolist() == expected.tolist()


def test_two_keys_with_the_same_first_bytes_are_told_apart() -> None:
    left, right = b"12345678" + b"a" * 24, b"12345678" + b"b" * 24
    index = Index().with_records(records([(left, 1), (right, 2)]))
    found, rows = index.find(key_words([left, right]))
    assert found.tolist() == [False, True]  # never one in place of the other
    assert rows["start"][1] == 2


@given(st.integers(1, 6), st.data())
def test_a_changed_bit_is_noticed_and_an_unfinished_end_is_left_out(count: int, data: st.DataObject) -> None:
    made = records([(bytes([number]) * 32, number) for number in range(count)])
    content = bytearray(made.tobytes())
    hit = data.draw(st.integers(0, count - 1))
    content[hit * RECORD.itemsize + data.draw(st.integers(0, RECORD.itemsize - 1))] ^= 1 << data.draw(
        st.integers(0, 7)
    )
    good, read, damaged = parse(bytes(content))
    assert good["start"].tolist() == [number for number in range(count) if number != hit]
    last = hit == count - 1  # it may still be being written
    assert (read, damaged) == ((count - 1, 0) if last else (count, 1))
    torn = made.tobytes()[: -data.draw(st.integers(1, RECORD.itemsize))]
    assert parse(torn)[1:] == (count - 1, 0)


def test_zeros_are_no_record() -> None:
    good, read, _ = parse(bytes(3 * RECORD.itemsize))
    assert (len(good), read) == (0, 0)


def test_a_short_key_is_an_error() -> None:
    with pytest.raises(InputError, match="must have 32 bytes, got b'abc'"):
        key_words([b"abc"])
