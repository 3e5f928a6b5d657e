"""Long lists of texts a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def runs(texts: Iterable[str], most: int, characters: int) -> Iterator[list[str]]:
    """Texts in order, in lists that are short in number and in length; none is empty.

    Args:
        texts: any number, read as they are needed.
        most: texts in a list, at least 1.
        characters: of the texts of a list together, at least 1; a longer text stands alone.

    Example:
        >>> [len(run) for run in runs(["a"] * 1000, 512, 500_000)]
        [512, 488]
        >>> [len(run) for run in runs(["a" * 300_000] * 2, 512, 500_000)]
        [1, 1]
    """
    run: list[str] = []
    length = 0
    for text in texts:
        if run and (len(run) == most or length + len(text) > characters):
            yield run
            run, length = [], 0
        run.append(text)
        length += len(text)
    if run:
        yield run
