"""Contrast items: two passages that differ in one fact, with questions, claims and keywords about them.

What each text says of each query is told in data/README.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import (
    Span,
    as_typed,
    differing_words,
    names_and_numbers,
    renamed,
    said_of_another,
)
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
# query -> what doc1, doc2, other and near say of it
_VERDICTS = {
    "q1": (SUPPORTS, _NOT, _ELSE, DIFFERS),
    "q1b": (SUPPORTS, _NOT, _ELSE, DIFFERS),
    "q2": (_NOT, SUPPORTS, _ELSE, DIFFERS),
    "yn": (SUPPORTS, DENIES, _ELSE, DIFFERS),
    "ynb": (DENIES, SUPPORTS, _ELSE, DIFFERS),
    "claim1": (SUPPORTS, DENIES, _ELSE, _ELSE),
    "claim2": (DENIES, SUPPORTS, _ELSE, _ELSE),
    "keywords": (SUPPORTS, SUPPORTS, 0, 0),
    "keywords2": (SUPPORTS, SUPPORTS, 0, 0),
}
# questions of a cache, and claims: read in both directions
_ALIKE = (
    ("q1", "q1b", SUPPORTS),
    ("q1", "q2", _NOT),
    ("q1b", "q2", _NOT),
    ("q1", "yn", _NOT | SILENT),
    ("yn", "ynb", DENIES),
    ("claim1", "claim2", _NOT),
)
# queries that are learnt together: what one passage settles for the first, the other settles for the second
_TOGETHER = (("q1", "q2"), ("q1b", "q2"), ("yn", "ynb"), ("claim1", "claim2"), ("keywords", "keywords2"))
_OTHER_CLAIM = {"claim1": ("claim2",), "claim2": ("claim1",)}
_OPEN = ("q1", "q1b", "q2")
_EXTRA = ("q1b", "ynb", "keywords2", "near")  # fields that an item may lack
_CROP = 0.6  # share of passages that are cut to the sentences in which they differ and some around them
_CROP_OPEN = 0.3  # the same beside open questions, which a sentence that both have may answer
_STRANGER = 0.8  # share of the queries that are also read with a passage of another item of their domain
_FILL = 0.6  # share of the others that get sentences of the item's passages: length must tell nothing


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """Up to 50 rows for each item of a file, or of all ``*.jsonl`` of a folder.

    Args:
        file: JSONL, or a folder of it.
        different: not used; an item says everything.
        rng: crops, contexts, names, other items and ways of typing.
    """
    return [row for item in items(file) for row in _rows_of(*item, rng)]


def items(file: Path) -> list[tuple[dict[str, str], list[str], list[str]]]:
    """Items with other passages of their domain, and names and numbers of theirs.

    Raises:
        DataError: a file is missing, or an item lacks a field.
    """
    found: dict[str, list[dict[str, str]]] = {}
    for part in parts_of(file):
        for number, row in numbered_rows(part):
            needed = [name for name in ("doc1", "doc2", "other", *_VERDICTS) if name not in _EXTRA]
            item = {name: text_of(row, name, part, number) for name in (*needed, "id", "domain")}
            item |= {name: text_of(row, name, part, number) for name in _EXTRA if row.get(name)}
            found.setdefault(item["domain"], []).append(item)
    if not found:
        raise DataError(f"{file}: no rows")
    everything = []
    for alike in found.values():
        passages = [item["doc1"] for item in alike]
        pool = list(dict.fromkeys(chain.from_iterable(map(names_and_numbers, passages))))
        everything += [(item, passages, pool) for item in alike]
    return everything


def judged_texts(file: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Every question and claim of the items, with the texts that answer it and its near-misses.

    To a yes/no question the "no" is an answer, too. The other claim is a near-miss of a claim, and of two
    questions one is the same question in other words.
    """
    for item, _, _ in items(file):
        for name, verdicts in _VERDICTS.items():
            if name not in item or name.startswith("keywords"):
                continue
            right_ones = SUPPORTS | (DENIES if name in ("yn", "ynb") else 0)
            texts = [item.get(part) for part in ("doc1", "doc2", "other", "near")]
            judged = [(text, verdict) for text, verdict in zip(texts, verdicts, strict=True) if text]
            right = [text for text, verdict in judged if not verdict & ~right_ones]
            wrong = [text for text, verdict in judged if not verdict & (right_ones | SILENT)]
            wrong += [item[other] for other in _OTHER_CLAIM.get(name, ())]
            if right and wrong:
                yield item[name], right, wrong
        if "q1b" in item:
            yield item["q1"], [item["q1b"]], [item["q2"]]


def _rows_of(item: dict[str, str], passages: list[str], pool: list[str], rng: random.Random) -> Iterator[Row]:
    pool = rng.sample(pool, min(40, len(pool)))
    twins = _Twins.of(item["doc1"], item["doc2"])
    for names in _TOGETHER:
        yield from _read_together(item, twins, [name for name in names if name in item], passages, pool, rng)
    asked = {name: _asked(item, name, rng) for name in _VERDICTS if name in item}
    for first, second, verdict in _ALIKE:
        if first in item and second in item:
            query, other = rng.sample((first, second), 2)
            yield Row(asked[query], item[other], verdict, "contrast", f"{item['id']} alike")


class _Twins(NamedTuple):
    """What the two passages of an item have in common and what not: the same for every group of queries."""

    docs: tuple[str, str]
    windows: tuple[list[str], list[str]]
    differing: tuple[tuple[Span, ...], tuple[Span, ...]]
    shared: list[str]

    @classmethod
    def of(cls, first: str, second: str) -> _Twins:
        return cls(
            docs=(first, second),
            windows=(_windows(first, second), _windows(second, first)),
            differing=(differing_words(first, second), differing_words(second, first)),
            shared=_shared(first, second),
        )

    def wrong(self, place: int, window: str) -> tuple[Span, ...]:
        """Characters of a window of one passage that the other has not."""
        shift = self.docs[place].index(window)
        return tuple(
            (start - shift, stop - shift)
            for start, stop in self.differing[place]
            if shift <= start and stop <= shift + len(window)
        )


def _read_together(
    item: dict[str, str],
    twins: _Twins,
    names: list[str],
    passages: list[str],
    pool: list[str],
    rng: random.Random,
) -> Iterator[Row]:
    """Queries of an item with its passages: one group, in which each text is written in one way."""
    pairs = zip(twins.windows, twins.docs, strict=True)
    is_open = names[0] in _OPEN
    crop = _CROP_OPEN if is_open else _CROP
    read = [rng.choice(windows) if rng.random() < crop else doc for windows, doc in pairs]
    # what was cut away may be what answers
    unsure = [SILENT if is_open and read[place] != twins.docs[place] else 0 for place in (0, 1)] + [0, 0]
    differing = [twins.wrong(place, read[place]) for place in (0, 1)]
    read += [_filled(item[name], twins.shared, rng) if name in item else "" for name in ("other", "near")]
    group = f"{item['id']} {' '.join(names)}"
    for name in names:
        query = _asked(item, name, rng)
        verdicts = _VERDICTS[name]
        for place, (text, known) in enumerate(zip(read, verdicts, strict=True)):
            if text and known:
                verdict = known | unsure[place]
                wrong = None if place > 1 else () if verdict == SUPPORTS else differing[place]
                yield Row(query, text, verdict, "contrast", group, wrong)
        if name.startswith("keywords"):
            continue
        changed = renamed(item[name], rng.choice(twins.docs), pool, rng)
        if changed is not None and rng.random() < 0.5:
            yield Row(*changed, said_of_another(changed[0]), "contrast", group)
        stranger = rng.choice(passages)
        if stranger not in twins.docs and rng.random() < _STRANGER:
            yield Row(query, stranger, SILENT, "contrast", group)


def _asked(item: dict[str, str], name: str, rng: random.Random) -> str:
    """A query as people type it; sometimes after a sentence that is not asked about."""
    query = item[name]
    if name not in ("q1", "q1b", "q2", "yn", "ynb"):
        return query
    if rng.random() < 0.06:
        start, stop = sentence_spans(item["other"])[0]
        return f"{item['other'][start:stop]} {query}"
    return as_typed(query, rng)


def _shared(doc: str, other: str) -> list[str]:
    """Sentences that both passages have: they settle nothing that is asked for yes or no, or claimed."""
    there = {other[start:stop] for start, stop in sentence_spans(other)}
    return [text for start, stop in sentence_spans(doc) if (text := doc[start:stop]) in there]


def _filled(text: str, sentences: list[str], rng: random.Random) -> str:
    """The text among some of the sentences, or alone."""
    if not sentences or rng.random() >= _FILL:
        return text
    chosen = sorted(rng.sample(range(len(sentences)), rng.randint(1, min(3, len(sentences)))))
    place = rng.randint(0, len(chosen))
    parts = [sentences[one] for one in chosen]
    return " ".join([*parts[:place], text, *parts[place:]])


def _windows(doc: str, other: str) -> list[str]:
    """Runs of a passage's sentences that hold all that the other passage does not say."""
    spans = sentence_spans(doc)
    there = {other[start:stop] for start, stop in sentence_spans(other)}
    own = [place for place, (start, stop) in enumerate(spans) if doc[start:stop] not in there]
    if not own:
        return [doc]
    return [
        doc[spans[first][0] : spans[last][1]]
        for first in range(own[0] + 1)
        for last in range(own[-1], len(spans))
    ]
