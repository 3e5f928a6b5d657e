"""Rows for training stage one: an anchor, a text that says the same, a near-miss of both."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError
from compositional_rerank.training import builders
from compositional_rerank.training.captions import caption_pair, look_changed
from compositional_rerank.training.near_misses import Vocabulary, edits, triples
from compositional_rerank.training.source import Source
from compositional_rerank.training.sources import detokenise, paraphrase_pairs, text_rows

_READ = 4000  # sentences from which the words for changed contents are taken


@dataclass(frozen=True)
class TrainingTriple:
    """One row of stage one's training data.

    Args:
        anchor: a text.
        positive: a text that means the same, or "" where none is known.
        negative: a near-miss of the anchor, or "" where none is known.
        near_miss: 1 as above; 0 for three related texts whose similarities are to stay the base model's.
        source: name of the data set that it comes from.
    """

    anchor: str
    positive: str
    negative: str
    near_miss: int
    source: str


def from_templates(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Triples of the template grammar."""
    found = triples(
        source.rows, seed=rng.randrange(1 << 30), families=source.families, edit_types=source.edit_types
    )
    return [TrainingTriple(t.anchor, t.positive, t.negative, 1, source.name) for t in found]


def from_reworded(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Statements of the template grammar and their paraphrases, one of the two changed by the rules."""
    found = list(
        triples(
            source.rows,
            seed=rng.randrange(1 << 30),
            form="statement",
            families=source.families,
            edit_types=source.edit_types,
        )
    )
    vocabulary = Vocabulary.of([t.anchor for t in rng.sample(found, min(len(found), _READ))])
    rows = []
    for t in found:
        anchor, positive = rng.sample([t.anchor, t.positive], 2)
        negative = changed(anchor, rng, vocabulary)
        if negative:
            rows.append(TrainingTriple(anchor, positive, negative, 1, source.name))
    return rows


def from_pairs(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Human-labelled pairs, grouped by their texts; a missing paraphrase is made by the rules."""
    pairs = paraphrase_pairs(builders.file_of(source, data), rng)
    same: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if not pair.mismatch:
            same[pair.query].append(pair.passage)
            same[pair.passage].append(pair.query)
    rows = []
    for pair in rng.sample(pairs, min(len(pairs), source.rows)):
        if not pair.mismatch:
            rows.append(TrainingTriple(pair.query, pair.passage, "", 1, source.name))
            continue
        anchor, negative = rng.sample([pair.query, pair.passage], 2)
        positive = rng.choice(same[anchor]) if same.get(anchor) else rewritten(anchor, rng)
        rows.append(TrainingTriple(anchor, positive, negative, 1, source.name))
    return rows


def from_inference(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """A text with one that it entails, or is entailed by, and one that it contradicts."""
    groups: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for premise, hypothesis, label in text_rows(
        builders.file_of(source, data), "premise", "hypothesis", "label"
    ):
        if label in ("entailment", "contradiction"):
            groups[premise][label == "contradiction"].append(hypothesis)
            groups[hypothesis][label == "contradiction"].append(premise)
    rows = [
        TrainingTriple(anchor, rng.choice(agree), differ, 1, source.name)
        for anchor, (agree, against) in groups.items()
        if agree
        for differ in against
    ]
    return rng.sample(rows, min(len(rows), source.rows))


def from_edits(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Sentences of a corpus with a rewrite and a near-miss by the rules, types of edit in equal shares."""
    sentences = [
        text[start:stop] for text in builders.texts_of(source, data) for start, stop in sentence_spans(text)
    ]
    sentences = sorted({sentence for sentence in sentences if 15 <= len(sentence) <= 240})
    if not sentences:
        raise DataError(f"source {source.name!r} has no sentence of 15 to 240 characters")
    vocabulary = Vocabulary.of(rng.sample(sentences, min(len(sentences), _READ)))
    rows: list[TrainingTriple] = []
    for _ in range(8):
        rng.shuffle(sentences)
        for sentence in sentences:
            negative = changed(sentence, rng, vocabulary)
            if negative:
                positive = rewritten(sentence, rng)
                if positive and rng.random() < 0.3:  # so that nearness of wording does not tell the label
                    negative = rewritten(negative, rng) or negative
                rows.append(TrainingTriple(sentence, positive, negative, 1, source.name))
            if len(rows) >= source.rows:
                return rows
    return rows


def from_captions(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Captions with a place or a doing in other words, or changed."""
    texts = sorted(set(builders.texts_of(source, data)))
    rows: list[TrainingTriple] = []
    for _ in range(8):
        rng.shuffle(texts)
        for text in texts:
            pair = caption_pair(text, rng)
            if pair is not None:
                first, second, mismatch = pair
                row = (first, rewritten(first, rng), second) if mismatch else (first, second, "")
                rows.append(TrainingTriple(*row, 1, source.name))
            if len(rows) >= source.rows:
                return rows
    return rows


def from_looks(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Captions with a colour, material, size, age, state or number in other words, and another one."""
    texts = sorted(set(builders.texts_of(source, data)))
    rows: list[TrainingTriple] = []
    for _ in range(8):
        rng.shuffle(texts)
        for text in texts:
            found = look_changed(text, rng)
            if found is not None:
                same, negative = found
                positive = (rewritten(same, rng) or same) if same else rewritten(text, rng)
                rows.append(TrainingTriple(text, positive, negative, 1, source.name))
            if len(rows) >= source.rows:
                return rows
    return rows


def from_answers(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Queries with a passage that answers them and the closest other passage: the base's similarities."""
    found = text_rows(builders.file_of(source, data), "query", "passage")
    rows = [(detokenise(query), detokenise(passage)) for query, passage in found]
    rows = rng.sample(rows, min(len(rows), source.rows))
    others = builders.closest_others(rows)
    return [
        TrainingTriple(query, passage, other, 0, source.name)
        for (query, passage), other in zip(rows, others, strict=True)
    ]


def from_topics(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Keywords with their sentence and another one: the base's similarities."""
    pairs = builders.from_topics(source, data, rng)
    return [
        TrainingTriple(own.query, own.passage, other.query, 0, source.name)
        for own, other in zip(pairs[::2], pairs[1::2], strict=True)
    ]


def from_related(source: Source, data: Path, rng: random.Random) -> list[TrainingTriple]:
    """Sentences with a close one that says other things: the base's similarities."""
    pairs = builders.from_related(source, data, rng)
    return [TrainingTriple(pair.query, pair.passage, "", 0, source.name) for pair in pairs]


def rewritten(text: str, rng: random.Random) -> str:
    """The text in other words by one to three meaning-preserving rules, or "" where none applies."""
    result = ""
    for _ in range(rng.choice([1, 2, 3])):
        same = [edit.text for edit in edits(result or text, rng=rng) if edit.same]
        result = rng.choice(same) if same else result
    return result if result != text else ""


def changed(text: str, rng: random.Random, vocabulary: Vocabulary | None = None) -> str:
    """A near-miss of the text, with another content word or of another type; "" where no rule applies.

    Types are drawn evenly, a changed content word as often as four of them: any sentence has some to change,
    and there are more words to know than kinds of structure.
    """
    by_type: dict[str, list[str]] = defaultdict(list)
    for edit in edits(text, rng=rng, vocabulary=vocabulary):
        if not edit.same:
            by_type[edit.edit_type].append(edit.text)
    if not by_type:
        return ""
    types = sorted(by_type)
    kind = rng.choices(types, [4 if name == "object" else 1 for name in types])[0]
    return rng.choice(by_type[kind])


KINDS: dict[str, Callable[..., list[TrainingTriple]]] = {
    "pairs": from_pairs,
    "inference": from_inference,
    "edits": from_edits,
    "templates": from_templates,
    "reworded": from_reworded,
    "captions": from_captions,
    "looks": from_looks,
    "answers": from_answers,
    "topics": from_topics,
    "related": from_related,
}
