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
_ELSE = DIFFERS | SILENT
_ASKED = {
    "answer": SUPPORTS,
    "near": _NOT,
    "plain": SUPPORTS,
    "near_far": _ELSE,
    "other": _NOT,
    "aside": SILENT,
}
# query -> text -> what the text says of it
_VERDICTS = {
    "question": {**_ASKED, "again": SUPPORTS},
    "again": {**_ASKED, "question": SUPPORTS},
    "yes_no": {
        "yes": SUPPORTS,
        "no": DENIES,
        "plain_yes": SUPPORTS,
        "plain_no": DENIES,
        "near_yes_no": _ELSE,
        "aside_yes_no": SILENT,
    },
    "claim": {
        "supports": SUPPORTS,
        "plain_supports": SUPPORTS,
        "denies": _NOT,
        "denies_again": DENIES,
        "aside_claim": SILENT,
    },
}
_QUESTIONS = ("question", "again", "other", "yes_no")
_FIELDS = tuple(dict.fromkeys(name for query, texts in _VERDICTS.items() for name in (query, *texts)))
_PLAIN = ("plain", "near_far", "plain_yes", "plain_no", "plain_supports")
_EXTRA = ("aside", "aside_yes_no", "aside_claim", *_PLAIN)  # fields that an item may lack
_PASSAGES = ("answer", "near", "yes", "no", "near_yes_no", "supports")
# what an answer stands beside in one text that has the query's words, too: those alone must not tell
_TOGETHER = {"question": ("answer", "near"), "again": ("answer", "near"), "yes_no": ("yes", "near_yes_no")}
_BESIDE = 0.3  # share of the passages that have a passage on another matter beside them
_ECHO = 0.15  # share of the passages that stand behind the question, as in a list of questions and answers


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Up to 36 rows for each item of a file, or of all ``*.jsonl`` of a folder.

    Beside its own texts a query is read with two passages of other items, which say nothing of it: the one of
    them that has most of its words, and any. Some items have a passage in the query's words that answers,
    too, and one in other words that does not.

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
                    text = item[name] if name in _QUESTIONS else _beside(item[name], item, query, other, rng)
                    drawn.append(Row(asked, text, verdict, "own_words", group))
            if query in _TOGETHER and item["kind"] != "presupposition":
                both = " ".join(rng.sample([item[name] for name in _TOGETHER[query]], 2))
                drawn.append(Row(asked, both, SUPPORTS, "own_words", group))
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
            for name in ("id", "kind", *_FIELDS)
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
        further = {name: [item[name]] if name in item else [] for name in _PLAIN}
        yield item["question"], [item["answer"], *further["plain"]], [item["near"], *further["near_far"]]
        yield item["question"], [item["again"]], [item["other"]]
        settled = [item["yes"], item["no"], *further["plain_yes"], *further["plain_no"]]
        yield item["yes_no"], settled, [item["near_yes_no"]]
        supports = [item["supports"], *further["plain_supports"]]
        yield item["claim"], supports, [item["denies"], item["denies_again"]]


def _beside(text: str, item: dict[str, str], query: str, other: dict[str, str], rng: random.Random) -> str:
    """The passage, sometimes behind its question, or before or behind a passage on another matter."""
    chance = rng.random()
    if chance < _ECHO and query in _QUESTIONS:
        return f"{item[query]} {text}"
    if chance < _ECHO + _BESIDE:
        return " ".join(rng.sample([text, other["supports"]], 2))
    return text
