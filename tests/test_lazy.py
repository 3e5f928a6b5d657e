from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from compositional_rerank.lazy import Lazy


class Counted:
    """Counts how often it is made."""

    made = 0

    def __init__(self) -> None:
        Counted.made += 1


def test_eight_threads_make_it_once() -> None:
    Counted.made = 0
    lazy = Lazy(Counted)
    assert Counted.made == 0
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _: lazy.get(), range(64)))
    assert Counted.made == 1
    assert len(set(map(id, values))) == 1


def test_a_failure_is_not_remembered() -> None:
    attempts: list[int] = []

    def make() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        return "made"

    lazy = Lazy(make)
    with pytest.raises(OSError, match="not yet"):
        lazy.get()
    assert lazy.get() == "made"


def test_copies_share_the_value_and_pickles_leave_it_out() -> None:
    lazy = Lazy(sorted, "ba", made=["given"])
    assert copy.copy(lazy).get() is copy.deepcopy(lazy).get() is lazy.get()
    other = pickle.loads(pickle.dumps(lazy))
    assert other == lazy
    assert hash(other) == hash(lazy)
    assert other.get() == ["a", "b"]
    assert lazy != Lazy(sorted, "ab")
