"""The data formats of the audit, read from disk and checked line by line before any work starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.audit.answers import NATURAL_SUITE, AnswerSet, answers_of
from compositional_rerank.audit.corpus import (
    FileCorpus,
    Judgements,
    document_of,
    judgement_lines,
    judgements_of,
)
from compositional_rerank.audit.records import Record, not_empty, read_records
from compositional_rerank.errors import DataError


@dataclass(frozen=True)
class RetrievalSet:
    """A collection with judged queries.

    Attributes:
        name: name of the set in the report.
        document_ids: the documents' ids, n of them.
        documents: the documents' texts (title and text joined by a space), n of them, read on demand.
        text_starts: where each document's own text begins behind its title, in characters, n of them.
        query_ids: the judged queries' ids, m of them, in the order of the judgements.
        queries: the judged queries' texts, m of them.
        qrels: query id -> document id -> grade; grades above 0 are relevant. It may name documents that the
            collection lacks: as in BEIR, they stay, and no system finds them.
        unknown_documents: how many such documents it names.
        unknown_queries: how many queries were judged and left out, because their text is not there.
    """

    name: str
    document_ids: Sequence[str]
    documents: Sequence[str]
    text_starts: Sequence[int]
    query_ids: Sequence[str]
    queries: Sequence[str]
    qrels: Mapping[str, Mapping[str, int]]
    unknown_documents: int = 0
    unknown_queries: int = 0


@dataclass(frozen=True)
class PairSet:
    """n pairs of texts with a label: 1 same meaning, 0 another meaning."""

    name: str
    texts1: Sequence[str]
    texts2: Sequence[str]
    same: Sequence[int]
    edit_types: Sequence[str | None]


@dataclass(frozen=True)
class TripleSet:
    """n triples: a text, a paraphrase of it and a near-miss."""

    name: str
    anchors: Sequence[str]
    positives: Sequence[str]
    negatives: Sequence[str]
    edit_types: Sequence[str | None]


@dataclass(frozen=True)
class ContrastSet:
    """n contrasts: `queries1[i]` belongs to `documents1[i]` and `queries2[i]` to `documents2[i]`."""

    name: str
    queries1: Sequence[str]
    queries2: Sequence[str]
    documents1: Sequence[str]
    documents2: Sequence[str]


NearMissSet = PairSet | TripleSet | ContrastSet | AnswerSet


def read_pairs(path: Path) -> PairSet:
    """Read a pair file: one object a line with `text1`, `text2`, `same` and, where known, `edit_type`.

    Raises:
        DataError: unreadable or empty file, or a bad line; the message names file, line and field.
    """
    return pairs_of(path.stem, read_records(path), str(path))


def read_triples(path: Path) -> TripleSet:
    """Read a triple file: a line has `anchor`, `positive`, `negative` and, where known, `edit_type`.

    Raises:
        DataError: unreadable or empty file, or a bad line; the message names file, line and field.
    """
    return triples_of(path.stem, read_records(path), str(path))


def read_contrast(path: Path) -> ContrastSet:
    """Read a contrast file: one object a line with `q1`, `q2`, `doc1` and `doc2`.

    Raises:
        DataError: unreadable or empty file, or a bad line; the message names file, line and field.
    """
    return contrast_of(path.stem, read_records(path), str(path))


def read_suite(name: str) -> AnswerSet:
    """Read a suite that the package ships.

    Raises:
        DataError: there is no suite of that name.

    Example:
        >>> read_suite("nope")
        Traceback (most recent call last):
        ...
        compositional_rerank.errors.DataError: suite 'nope' does not exist; the package ships: ...
    """
    if name != NATURAL_SUITE.stem:
        raise DataError(f"suite '{name}' does not exist; the package ships: {NATURAL_SUITE.stem}")
    return answers_of(name, read_records(NATURAL_SUITE), str(NATURAL_SUITE))


def read_beir(folder: Path, split: str = "test") -> RetrievalSet:
    """Read a BEIR folder: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`.

    Args:
        folder: the folder; its name becomes the set's name.
        split: which judgements to use.

    Raises:
        DataError: a file is missing, a line is bad, an id occurs twice, or nothing that is judged relevant is
            in the collection.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; a BEIR folder holds corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv"
        )
    qrels_path = folder / "qrels" / f"{split}.tsv"
    if not qrels_path.is_file():
        found = ", ".join(sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))) or "none"
        raise DataError(f"{qrels_path}: no such split; splits of this folder: {found}")
    document_ids: dict[str, int] = {}
    offsets: list[int] = []
    starts: list[int] = []
    corpus_path = folder / "corpus.jsonl"
    for i, (record, identifier) in enumerate(unique_ids(read_records(corpus_path))):
        starts.append(document_of(record)[1])
        document_ids[identifier] = i
        offsets.append(record.offset)
    query_records = unique_ids(read_records(folder / "queries.jsonl"))
    queries = {identifier: record.text("text") for record, identifier in query_records}
    judged = judgements_of(judgement_lines(qrels_path), document_ids, queries, str(qrels_path))
    return retrieval_set(
        Path(os.path.abspath(folder)).name,
        tuple(document_ids),
        FileCorpus(corpus_path, tuple(offsets)),
        starts,
        queries,
        judged,
    )


def retrieval_set(
    name: str,
    document_ids: Sequence[str],
    documents: Sequence[str],
    text_starts: Sequence[int],
    queries: Mapping[str, str],
    judged: Judgements,
) -> RetrievalSet:
    """Put a collection together; of `queries`, id -> text, those that are judged."""
    return RetrievalSet(
        name=name,
        document_ids=document_ids,
        documents=documents,
        text_starts=text_starts,
        query_ids=tuple(judged.qrels),
        queries=tuple(queries[query] for query in judged.qrels),
        qrels=judged.qrels,
        unknown_documents=judged.unknown_documents,
        unknown_queries=judged.unknown_queries,
    )


def pairs_of(name: str, records: Iterable[Record], where: str) -> PairSet:
    """Check records and make them a `PairSet`; `where` names their source in messages."""
    rows = [
        (r.text("text1"), r.text("text2"), r.label("same"), r.optional_text("edit_type"))
        for r in not_empty(records, where)
    ]
    texts1, texts2, same, edit_types = zip(*rows, strict=True)
    return PairSet(name, texts1, texts2, same, edit_types)


def triples_of(name: str, records: Iterable[Record], where: str) -> TripleSet:
    """Check records and make them a `TripleSet`; `where` names their source in messages."""
    rows = [
        (r.text("anchor"), r.text("positive"), r.text("negative"), r.optional_text("edit_type"))
        for r in not_empty(records, where)
    ]
    anchors, positives, negatives, edit_types = zip(*rows, strict=True)
    return TripleSet(name, anchors, positives, negatives, edit_types)


def contrast_of(name: str, records: Iterable[Record], where: str) -> ContrastSet:
    """Check records and make them a `ContrastSet`; `where` names their source in messages."""
    rows = [(r.text("q1"), r.text("q2"), r.text("doc1"), r.text("doc2")) for r in not_empty(records, where)]
    queries1, queries2, documents1, documents2 = zip(*rows, strict=True)
    return ContrastSet(name, queries1, queries2, documents1, documents2)


def unique_ids(records: Iterable[Record]) -> Iterator[tuple[Record, str]]:
    """Yield each record with its `_id`.

    Raises:
        DataError: an id is missing, empty, or occurs twice.
    """
    seen: dict[str, str] = {}
    for record in records:
        identifier = record.text("_id")
        if identifier in seen:
            raise DataError(
                f"{record.where}: field '_id': duplicate id {identifier!r}, first used at {seen[identifier]}"
            )
        seen[identifier] = record.where
        yield record, identifier
