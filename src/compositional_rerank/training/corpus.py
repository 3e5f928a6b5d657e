"""A user's own passages as training data: what a rule is sure of, and what the checkpoint is asked itself."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.training.edits import names_and_numbers, renamed, said_of_another
from compositional_rerank.training.neighbours import similarities
from compositional_rerank.training.rows import ANY, SILENT, SUPPORTS, Row
from compositional_rerank.verification.forms import form_of

LEAST_SENTENCES = 200  # different ones: fewer teach their own words and nothing else
_SHORTEST, _LONGEST = 20, 240  # characters of a sentence that is learnt from
_WINDOW = 480  # characters of a sentence with its neighbours
_READ = 20_000  # sentences among which other passages are looked for: more would take minutes
_ITSELF = 0.2  # share of sentences whose evidence is no more than they are


@dataclass(frozen=True)
class _Sentence:
    text: str
    window: str
    passage: int


def corpus_rows(passages: Sequence[str], count: int, seed: int) -> tuple[list[Row], Counter[str]]:
    """Rows from passages that nobody labelled.

    A statement is supported by itself and by its own passage. With another name or number a passage speaks of
    another thing or says nothing of it, and so does one that shares hardly a word. What the closest other
    passage says of a sentence no rule knows: any verdict may be right, and a checkpoint's own answers teach.

    Args:
        passages: any texts.
        count: how many rows, at least 1; fewer come from few sentences.
        seed: fixes everything.

    Returns:
        The rows in random order, and how many came from where.

    Raises:
        DataError: the passages hold too few sentences, or there is only one passage.
        InputError: ``count`` is below 1.
    """
    if count < 1:
        raise InputError(f"rows is {count}: ask for at least 1 pair")
    rng = random.Random(seed)
    found = _sentences(passages, rng)
    if len(found) < LEAST_SENTENCES:
        raise DataError(
            f"the passages hold {len(found)} different sentences of {_SHORTEST} to {_LONGEST} characters, "
            f"and at least {LEAST_SENTENCES} are needed: add passages"
        )
    if len({sentence.passage for sentence in found}) < 2:
        raise DataError(
            "all sentences are of one passage, and at least 2 are needed: part them by blank lines, or pass "
            "--input lines for one passage a line"
        )
    found = rng.sample(found, min(len(found), _READ))
    asked = found[: math.ceil(count / 3)]  # each gives three rows or four
    owners = np.array([sentence.passage for sentence in found])
    pool = list(dict.fromkeys(chain.from_iterable(names_and_numbers(sentence.text) for sentence in found)))
    cosines = similarities([one.text for one in asked], [one.window for one in found])
    rows: list[Row] = []
    for sentence, near in zip(asked, cosines, strict=True):
        others = np.flatnonzero(owners != sentence.passage)
        closest, far = _closest_and_far(others, near[others], rng)
        rows += _rows_of(sentence, found[closest], found[far], rng.sample(pool, min(40, len(pool))), rng)
    rng.shuffle(rows)
    rows = rows[:count]
    return rows, Counter(sorted(row.source for row in rows))


def _sentences(passages: Sequence[str], rng: random.Random) -> list[_Sentence]:
    """Sentences of a fitting length, each once, with a window of up to one neighbour on each side."""
    found: dict[str, _Sentence] = {}
    for number, passage in enumerate(passages):
        text = " ".join(passage.split())
        spans = sentence_spans(text)
        for place, (start, stop) in enumerate(spans):
            if not _SHORTEST <= stop - start <= _LONGEST or text[start:stop] in found:
                continue
            first = max(0, place - rng.randint(0, 1))
            last = min(len(spans) - 1, place + rng.randint(0, 1))
            window = text[spans[first][0] : spans[last][1]]
            if len(window) > _WINDOW:
                window = text[start:stop]
            found[text[start:stop]] = _Sentence(text[start:stop], window, number)
    return list(found.values())


def _closest_and_far(
    others: NDArray[np.int64], near: NDArray[np.float32], rng: random.Random
) -> tuple[int, int]:
    """The place with the highest cosine, and a random one of the lower half."""
    lower = others[near <= np.median(near)].tolist()
    return int(others[near.argmax()]), rng.choice(lower)


def _rows_of(
    sentence: _Sentence, closest: _Sentence, far: _Sentence, pool: list[str], rng: random.Random
) -> Iterator[Row]:
    query = sentence.text
    if form_of(query) != "statement":  # what stands around a question need not answer it
        yield Row(query, sentence.window, ANY, "a question or heading in its own passage: not labelled")
    else:
        evidence = query if rng.random() < _ITSELF else sentence.window
        yield Row(query, evidence, SUPPORTS, "a statement in its own passage: supports")
    yield Row(query, closest.window, ANY, "the closest other passage: not labelled")
    yield Row(query, far.window, SILENT, "a far passage: silent")
    changed = renamed(query, sentence.window, pool, rng)
    if changed is not None:
        yield Row(*changed, said_of_another(changed[0]), "another name or number: no support")
