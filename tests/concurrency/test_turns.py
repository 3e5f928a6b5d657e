from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
import torch

from compositional_rerank.concurrency.turns import Turns, cores


@pytest.mark.parametrize("threads", [1, 2, cores() + 1])
def test_no_more_threads_compute_than_find_cores(threads: int) -> None:
    turns, lock, busy, most = Turns(), Lock(), 0, 0
    before = torch.get_num_threads()

    def work(_: int) -> None:
        nonlocal busy, most
        with turns.turn():
            with lock:
                busy += 1
                most = max(most, busy)
            torch.ones(64, 64) @ torch.ones(64, 64)
            with lock:
                busy -= 1

    torch.set_num_threads(threads)
    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(work, range(400)))
    finally:
        torch.set_num_threads(before)
    assert busy == 0
    assert 1 <= most <= max(1, cores() // threads)


def test_a_turn_ends_with_an_error() -> None:
    turns = Turns()
    for _ in range(2 * cores() + 2):
        with pytest.raises(ValueError, match="planned"), turns.turn():
            raise ValueError("planned")
    with turns.turn():
        pass
