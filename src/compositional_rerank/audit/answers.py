"""Queries with passages that answer them and near-misses that do not: the format of `--answers`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.audit.records import Record, not_empty, read_records

NATURAL_SUITE = Path(__file__).parent / "suites" / "natural.jsonl"


@dataclass(frozen=True)
class AnswerSet:
    """n queries, each with texts that answer it and near-misses of it.

    Attributes:
        name: name of the set in the report.
        queries: n questions, statements or keyword queries.
        answers: for each query its answers, at least one; a truthful "no" is an answer.
        near_misses: for each query its near-misses; a keyword query has none.
        edit_types: how the near-misses differ, n of them; None where unknown.
        forms: kind of query, such as `yes_no`, n of them; None where unknown.
    """

    name: str
    queries: Sequence[str]
    answers: Sequence[Sequence[str]]
    near_misses: Sequence[Sequence[str]]
    edit_types: Sequence[str | None]
    forms: Sequence[str | None]


def read_answers(path: Path) -> AnswerSet:
    """Read an answer file: a line has `query`, `answers`, `near_misses`, and maybe `edit_type` and `form`.

    The two lists hold texts, or objects with a field `text`.

    Raises:
        DataError: unreadable or empty file, or a bad line; the message names file, line and field.
    """
    return answers_of(path.stem, read_records(path), str(path))


def answers_of(name: str, records: Iterable[Record], where: str) -> AnswerSet:
    """Check records and make them an `AnswerSet`; `where` names their source in messages."""
    rows = [
        (
            record.text("query"),
            record.texts("answers"),
            record.texts("near_misses", least=0),
            record.optional_text("edit_type"),
            record.optional_text("form"),
        )
        for record in not_empty(records, where)
    ]
    return AnswerSet(name, *zip(*rows, strict=True))
