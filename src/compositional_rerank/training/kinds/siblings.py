"""Sibling passages: the same matter for three cases, and what is asked and claimed of each.

What each text says of each query is told in data/README.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import as_typed
from compositional_rerank.training.rows import (
    DENIES,
    DIFFERS,
    SILENT,
    SUPPORTS,
    Row,
    numbered_rows,
    parts_of,
    text_of,
)

_CASES = 3
_SETTLED = {"yes": SUPPORTS, "no": DENIES}
_QUERIES = ("questions", "yes_no", "claims", "untrue")
_ALONE = 0.6  # share of the passages that stand alone; the others stand beside one of another item
_TOGETHER = 0.5  # share of the queries that are also read with two of the three passages in one text


class Item(NamedTuple):
    """Three passages, and for each a query of every form.

    Args:
        name: the item's id.
        passages: one for each case.
        queries: form, and one query for each case.
        settled: what each passage says to its yes/no question: `SUPPORTS` or `DENIES`.
    """

    name: str
    passages: list[str]
    queries: dict[str, list[str]]
    settled: list[int]

    def verdict(self, form: str, case: int) -> int:
        """What a case's own passage says of its query."""
        return {"yes_no": self.settled[case], "untrue": DENIES}.get(form, SUPPORTS)


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Up to 62 rows for each item of a file, or of all ``*.jsonl`` of a folder.

    A query is read with the passages of all three cases, sometimes with two in one text, and with a passage
    of another item, which says nothing of it.

    Args:
        file: JSONL, or a folder of it.
        different: not used; an item says everything.
        rng: what stands beside a passage, and ways of typing.
    """
    found = items(file)
    drawn = []
    for number, item in enumerate(found):
        stranger = found[(number + rng.randrange(1, len(found))) % len(found)]
        passages = [_beside(text, stranger, rng) for text in item.passages]
        for form, queries in item.queries.items():
            group = f"{item.name} {form}"
            for case, query in enumerate(queries):
                asked = as_typed(query, rng) if form in ("questions", "yes_no") else query
                verdict = item.verdict(form, case)
                said = [(text, verdict if place == case else DIFFERS) for place, text in enumerate(passages)]
                if rng.random() < _TOGETHER:
                    two = rng.sample(range(_CASES), 2)
                    both = " ".join(item.passages[one] for one in two)
                    said.append((both, verdict if case in two else DIFFERS))
                said.append((rng.choice(stranger.passages), SILENT))
                drawn += [Row(asked, text, verdict, "siblings", group) for text, verdict in said]
        for form in ("questions", "claims"):
            query, other = rng.sample(item.queries[form], 2)
            drawn.append(Row(query, other, DENIES | DIFFERS, "siblings", f"{item.name} alike"))
    return drawn


def items(file: Path) -> list[Item]:
    """The items of a file or folder.

    Raises:
        DataError: a file is missing, or an item lacks a field.
    """
    found = []
    for part in parts_of(file):
        for number, row in numbered_rows(part):
            settled = _three(row, "settled", part, number)
            if not set(settled) <= set(_SETTLED):
                raise DataError(f"{part}:{number}: field 'settled' must say yes or no, got {settled}")
            found.append(
                Item(
                    name=text_of(row, "id", part, number),
                    passages=_three(row, "passages", part, number),
                    queries={form: _three(row, form, part, number) for form in _QUERIES},
                    settled=[_SETTLED[one] for one in settled],
                )
            )
    if len(found) < 2:
        raise DataError(f"{file}: at least two items are needed")
    return found


def judged_texts(file: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Every query of the items that a passage answers, with it and those of the other cases.

    To a yes/no question the "no" is an answer, too.
    """
    for item in items(file):
        for form in ("questions", "yes_no", "claims"):
            for case, query in enumerate(item.queries[form]):
                others = [text for place, text in enumerate(item.passages) if place != case]
                yield query, [item.passages[case]], others


def _three(row: dict[str, object], name: str, file: Path, number: int) -> list[str]:
    values = row.get(name)
    if not isinstance(values, list) or len(values) != _CASES:
        raise DataError(f"{file}:{number}: field {name!r} must be a list of three texts, got {values!r:.60}")
    return [text_of({name: value}, name, file, number) for value in values]


def _beside(text: str, stranger: Item, rng: random.Random) -> str:
    """The passage, or before or behind one on another matter."""
    return text if rng.random() < _ALONE else " ".join(rng.sample([text, rng.choice(stranger.passages)], 2))
