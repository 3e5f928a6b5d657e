"""Queries with passages that answer them and near-misses that do not: the format of `--answers`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compositional_rerank.audit.records import Record, not_empty, read_records
from compositional_rerank.audit.verdicts import EXPECTED, SILENT

NATURAL_SUITE = Path(__file__).parent / "suites" / "natural.jsonl"

Group = Literal["answers", "near_misses", "silent"]
GROUPS: tuple[Group, ...] = ("answers", "near_misses", "silent")


@dataclass(frozen=True)
class Passage:
    """A text that belongs to a query.

    Attributes:
        owner: place of the query.
        group: the list that it stands in: it answers the query, is a near-miss of it, or says nothing of it.
        text: the text.
        verdict: what the verifier is expected to say, one of `verdicts.EXPECTED`; None where unknown.
    """

    owner: int
    group: Group
    text: str
    verdict: str | None = None


@dataclass(frozen=True)
class AnswerSet:
    """n queries, each with texts that answer it, near-misses of it, and texts that say nothing of it.

    Attributes:
        name: name of the set in the report.
        queries: n questions, statements or keyword queries.
        edit_types: how the near-misses differ, n of them; None where unknown.
        forms: kind of query, such as `yes_no`, n of them; None where unknown.
        passages: the texts, in the order of their queries. Each query has an answer, and a truthful "no" is
            one; a keyword query has no near-miss.
    """

    name: str
    queries: Sequence[str]
    edit_types: Sequence[str | None]
    forms: Sequence[str | None]
    passages: Sequence[Passage]


def read_answers(path: Path) -> AnswerSet:
    """Read an answer file.

    A line has `query`, `answers`, `near_misses`, and maybe `silent`, `edit_type` and `form`. The three lists
    hold texts, or objects with a field `text` and maybe `verdict`, which is what the verifier is expected to
    say: `supports`, `denies`, `differs` or `silent`.

    Raises:
        DataError: unreadable or empty file, or a bad line; the message names file, line and field.
    """
    return answers_of(path.stem, read_records(path), str(path))


def answers_of(name: str, records: Iterable[Record], where: str) -> AnswerSet:
    """Check records and make them an `AnswerSet`; `where` names their source in messages."""
    queries, edit_types, forms = [], [], []
    passages: list[Passage] = []
    for owner, record in enumerate(not_empty(records, where)):
        queries.append(record.text("query"))
        edit_types.append(record.optional_text("edit_type"))
        forms.append(record.optional_text("form"))
        for group in GROUPS:
            if group != "silent" or record.fields.get(group) is not None:
                passages += _passages(record, group, owner)
    return AnswerSet(name, queries, edit_types, forms, passages)


def _passages(record: Record, group: Group, owner: int) -> Iterator[Passage]:
    texts = record.texts(group, least=1 if group == "answers" else 0)
    for text, entry in zip(texts, record.fields[group], strict=True):
        verdict = SILENT if group == "silent" else None
        if isinstance(entry, dict) and entry.get("verdict") is not None:
            verdict = Record(record.where, entry).choice("verdict", EXPECTED)
        yield Passage(owner, group, text, verdict)
