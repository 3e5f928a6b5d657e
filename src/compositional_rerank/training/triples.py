"""Rows for training stage one: an anchor, a text that says the same, a near-miss of both."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError
from compositional_rerank.training.kinds import inference, pairs, triples
from compositional_rerank.training.neighbours import closest_others
from compositional_rerank.training.rows import SILENT, SUPPORTS, Row, detokenise, text_rows
from compositional_rerank.verification.forms import form_of

_SHORTEST, _LONGEST = 40, 240  # characters of a sentence that is drawn from a passage


@dataclass(frozen=True)
class TrainingTriple:
    """One row of stage one's training data.

    Args:
        anchor: a text.
        positive: a text that means the same, or "" where none is known.
        negative: a near-miss of the anchor, or "" where none is known.
        near_miss: 1 as above; 0 for three related texts whose similarities are to stay the base model's.
        source: name of the file that it comes from.
    """

    anchor: str
    positive: str
    negative: str
    near_miss: int
    source: str


Reader = Callable[[Path, int, random.Random], list[Row]]
Kind = Callable[[Path, int, random.Random], list[TrainingTriple]]


def labelled(file: Path, count: int, rng: random.Random, *, read: Reader) -> list[TrainingTriple]:
    """At most ``count`` rows of a file that people labelled; pairs that share a text make a whole triple.

    Args:
        file: JSONL.
        count: how many rows, at least 1.
        rng: which of them, and which text is the anchor.
        read: how it is read: ``rows`` of a module of `training.kinds`.
    """
    same: dict[str, list[str]] = defaultdict(list)
    alike, different = [], []
    for row in read(file, 0, rng):
        if read is inference.rows and form_of(row.query) != "statement":
            continue  # a question made of a claim: a passage that says no answers it
        if row.verdicts == SUPPORTS:
            same[row.query].append(row.evidence)
            same[row.evidence].append(row.query)
            alike.append(row)
        elif not row.verdicts & (SUPPORTS | SILENT):
            different.append(row)
    found = []
    for row in rng.sample(alike + different, min(count, len(alike) + len(different))):
        anchor, other = rng.sample([row.query, row.evidence], 2)
        if row.verdicts == SUPPORTS:
            found.append(TrainingTriple(anchor, other, "", 1, file.stem))
            continue
        if other in same and anchor not in same:
            anchor, other = other, anchor
        positive = rng.choice(same[anchor]) if anchor in same else ""
        found.append(TrainingTriple(anchor, positive, other, 1, file.stem))
    return found


def answers(file: Path, count: int, rng: random.Random) -> list[TrainingTriple]:
    """At most ``count`` queries with the passage that answers them and the closest other one: unlabelled."""
    lines = [tuple(map(detokenise, texts)) for texts in text_rows(file, "query", "passage")]
    lines = rng.sample(lines, min(count, len(lines)))
    others = _others([query for query, _ in lines], [passage for _, passage in lines], file)
    return [
        TrainingTriple(query, passage, other, 0, file.stem)
        for (query, passage), other in zip(lines, others, strict=True)
    ]


def passages(file: Path, count: int, rng: random.Random) -> list[TrainingTriple]:
    """At most ``count`` sentences with some of their words and the closest other sentence: unlabelled."""
    sentences = {
        text[start:stop]
        for text in {detokenise(passage) for (passage,) in text_rows(file, "passage")}
        for start, stop in sentence_spans(text)
        if _SHORTEST <= stop - start <= _LONGEST
    }
    drawn = rng.sample(sorted(sentences), min(count, len(sentences)))
    others = _others(drawn, drawn, file)
    return [
        TrainingTriple(_few_words(sentence, rng), sentence, other, 0, file.stem)
        for sentence, other in zip(drawn, others, strict=True)
    ]


def _others(queries: list[str], own: list[str], file: Path) -> list[str]:
    if len(set(own)) < 2:
        raise DataError(f"{file}: at least two passages are needed, with sentences of {_SHORTEST} characters")
    return [text or "" for text in closest_others(queries, own)]


def _few_words(sentence: str, rng: random.Random) -> str:
    """One to four neighbouring words, as people type them into a search box."""
    words = [word.strip(".,;:!?()\"'") for word in sentence.split()]
    length = min(rng.choice([1, 1, 2, 2, 3, 4]), len(words))
    spans = [words[start : start + length] for start in range(len(words) - length + 1)]

    def length_of_ends(span: list[str]) -> tuple[int, float]:
        return min(len(span[0]), len(span[-1]), 5), rng.random()

    best = max(spans, key=length_of_ends)  # long words are seldom function words
    return " ".join(best)


KINDS: dict[str, Kind] = {
    "answers": answers,
    "inference": partial(labelled, read=inference.rows),
    "pairs": partial(labelled, read=pairs.rows),
    "passages": passages,
    "triples": partial(labelled, read=triples.rows),
}
