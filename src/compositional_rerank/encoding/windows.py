"""A text's tokens -> windows that fit the encoder -> batches of about equal length."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A run of a text's tokens that fits the encoder; ``keep`` are its tokens that no other window owns."""

    text: int
    start: int
    ids: list[int]
    keep: tuple[int, int]


def windows_of(text: int, ids: list[int], size: int) -> list[Window]:
    """Windows of at most ``size`` tokens that overlap by a quarter and own every token exactly once."""
    if not ids:
        return []
    overlap = size // 4
    starts = [0]
    while starts[-1] + size < len(ids):
        starts.append(starts[-1] + size - overlap)
    windows = []
    for start in starts:
        stop = min(start + size, len(ids))
        first = 0 if start == 0 else overlap // 2
        last = stop - start if stop == len(ids) else size - overlap + overlap // 2
        windows.append(Window(text, start, ids[start:stop], (first, last)))
    return windows


def batches_of(windows: list[Window], extra: int, most: int) -> list[list[Window]]:
    """Split windows, sorted from long to short, into batches of at most ``most`` padded tokens."""
    batches: list[list[Window]] = []
    for window in windows:
        width = len(batches[-1][0].ids) + extra if batches else 0
        if batches and (len(batches[-1]) + 1) * width <= most:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches
