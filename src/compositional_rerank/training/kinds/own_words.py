"""Items whose answers have words of their own, and whose near-misses have those of the query.

What each text says of each query is told in data/README.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import as_typed
from compositional_rerank.training.neighbours import closest_others
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

_NOT = DENIES | DIFFERS
# query -> text -> what the text says of it
_VERDICTS = {
    "question": {"answer": SUPPORTS, "near": _NOT, "again": SUPPORTS, "other": _NOT, "aside": SILENT},
    "again": {"answer": SUPPORTS, "near": _NOT, "question": SUPPORTS, "other": _NOT, "aside": SILENT},
    "yes_no": {"yes": SUPPORTS, "no": DENIES, "near_yes_no": DIFFERS | SILENT, "aside_yes_no": SILENT},
    "claim": {"supports": SUPPORTS, "denies": _NOT, "denies_again": DENIES, "aside_claim": SILENT},
}
_QUESTIONS = ("question", "again", "other", "yes_no")
_FIELDS = tuple(dict.fromkeys(name for query, texts in _VERDICTS.items() for name in (query, *texts)))
_EXTRA = ("aside", "aside_yes_no", "aside_claim")  # fields that an item may lack
_PASSAGES = ("answer", "near", "yes", "no", "near_yes_no", "supports")
_BESIDE = 0.3  # share of the passages that have a passage on another matter beside them


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Up to 26 rows for each item of a file, or of all ``*.jsonl`` of a folder.

    Beside its own texts a query is read with two passages of other items, which say nothing of it: the one of
    them that has most of its words, and any.

    Args:
        file: JSONL, or a folder of it.
        different: not used; an item says everything.
        rng: other items, what stands beside a passage, and ways of typing.
    """
    found = items(file)
    passages = [item[rng.choice(_PASSAGES)] for item in found]
    closest = {query: closest_others([item[query] for item in found], passages) for query in _VERDICTS}
    drawn = []
    for number, item in enumerate(found):
        other = found[rng.randrange(len(found))]
        if other is item:
            other = found[number - 1]
        for query, texts in _VERDICTS.items():
            group = f"{item['id']} {query}"
            asked = as_typed(item[query], rng) if query in _QUESTIONS else item[query]
            for name, verdict in texts.items():
                if name in item:
                    text = item[name] if name in _QUESTIONS else _beside(item[name], other, rng)
                    drawn.append(Row(asked, text, verdict, "own_words", group))
            silent = {other[rng.choice(_PASSAGES)], closest[query][number] or other["answer"]}
            drawn += [Row(asked, text, SILENT, "own_words", group) for text in sorted(silent)]
    return drawn


def items(file: Path) -> list[dict[str, str]]:
    """The items of a file or folder.

    Raises:
        DataError: a file is missing, or an item lacks a field.
    """
    found = [
        {
            name: text_of(row, name, part, number)
            for name in ("id", *_FIELDS)
            if name in row or name not in _EXTRA
        }
        for part in parts_of(file)
        for number, row in numbered_rows(part)
    ]
    if len(found) < 2:
        raise DataError(f"{file}: at least two items are needed")
    return found


def judged_texts(file: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Every query of the items, with the texts that answer it and its near-misses.

    To a yes/no question the "no" is an answer, too.
    """
    for item in items(file):
        yield item["question"], [item["answer"]], [item["near"]]
        yield item["question"], [item["again"]], [item["other"]]
        yield item["yes_no"], [item["yes"], item["no"]], [item["near_yes_no"]]
        yield item["claim"], [item["supports"]], [item["denies"], item["denies_again"]]


def _beside(text: str, other: dict[str, str], rng: random.Random) -> str:
    """The passage, sometimes before or behind one on another matter."""
    if rng.random() >= _BESIDE:
        return text
    return " ".join(rng.sample([text, other["supports"]], 2))
