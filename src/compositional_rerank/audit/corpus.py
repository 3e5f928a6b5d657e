"""A collection on disk: its documents, read when they are needed, and its judgements."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from compositional_rerank.audit.records import Record, parse, read_lines
from compositional_rerank.errors import DataError


def document_of(record: Record) -> tuple[str, int]:
    """Title and text joined by a space, as BEIR reads a document, and where its own text begins in it.

    Raises:
        DataError: `text` is missing or one of the two is not a string.

    Example:
        >>> document_of(Record("corpus.jsonl:1", {"_id": "d1", "title": "Tea", "text": "A drink."}))
        ('Tea A drink.', 4)
    """
    text = record.text("text", empty=True)
    title = record.text("title", empty=True) if record.fields.get("title") is not None else ""
    joined = f"{title} {text}".strip()
    return joined, len(joined) - len(text.strip())


class FileCorpus(Sequence[str]):
    """The documents of a `corpus.jsonl`, decoded one by one on access, so that memory holds offsets only.

    Args:
        path: the file.
        offsets: first byte of each document's line, n of them.
    """

    def __init__(self, path: Path, offsets: Sequence[int]) -> None:
        self.path = path
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = self.offsets[index]
        texts = self._read([chosen] if isinstance(chosen, int) else list(chosen))
        return texts if isinstance(index, slice) else texts[0]

    def _read(self, offsets: list[int]) -> list[str]:
        texts = []
        try:
            with self.path.open("rb") as file:
                for offset in offsets:
                    file.seek(offset)
                    where = f"{self.path} (byte {offset})"
                    line = file.readline().decode("utf-8")
                    texts.append(document_of(Record(where, parse(where, line)))[0])
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path}: the file changed during the audit ({error})") from error
        return texts


_LARGEST_GRADE = 2**31 - 1  # that trec_eval holds


@dataclass(frozen=True)
class Judgements:
    """Checked judgements.

    Attributes:
        qrels: query id -> document id -> grade, of the queries that there are.
        unknown_documents: how many documents it names that the collection lacks.
        unknown_queries: how many queries were judged and left out, because their text is not there.
    """

    qrels: dict[str, dict[str, int]]
    unknown_documents: int
    unknown_queries: int


def judgement_lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield (where, query id, document id, grade as written) for each judgement of a qrels file.

    Raises:
        DataError: a line does not have three columns.
    """
    for number, _, line in read_lines(path):
        columns = line.split("\t")
        if len(columns) != 3:
            raise DataError(
                f"{path}:{number}: {len(columns)} column(s); a judgement has three, separated by tabs: "
                "query-id, corpus-id, score"
            )
        if number == 1 and columns[0] == "query-id":
            continue
        yield f"{path}:{number}", columns[0], columns[1], columns[2]


def judgements_of(
    lines: Iterable[tuple[str, str, str, str]],
    documents: Container[str],
    queries: Container[str],
    where: str,
) -> Judgements:
    """Check judgements, and count those of documents and queries that the collection lacks.

    Args:
        lines: (where, query id, document id, grade) of each judgement.
        documents: the ids that exist in the corpus.
        queries: the ids that exist among the queries.
        where: name of the source in messages.

    Raises:
        DataError: a grade that is not a whole number, a judgement given twice, or no relevant document of the
            corpus at all.
    """
    qrels: dict[str, dict[str, int]] = {}
    strange_documents: set[str] = set()
    strange_queries: set[str] = set()
    found = False
    for place, query, document, grade in lines:
        try:
            value = int(grade)
        except ValueError:
            raise DataError(f"{place}: field 'score': {grade!r:.60} is not a whole number") from None
        if abs(value) > _LARGEST_GRADE:
            raise DataError(f"{place}: field 'score': {grade!r:.60} is not within {_LARGEST_GRADE}")
        if query not in queries:
            strange_queries.add(query)
            continue
        if document in qrels.setdefault(query, {}):
            raise DataError(f"{place}: query {query!r} and document {document!r} are judged twice")
        qrels[query][document] = value
        if document not in documents:
            strange_documents.add(document)
        elif value > 0:
            found = True
    if not found:
        raise DataError(_nothing_left(where, qrels, len(strange_documents), len(strange_queries)))
    return Judgements(qrels, len(strange_documents), len(strange_queries))


def _nothing_left(where: str, qrels: Mapping[str, Mapping[str, int]], documents: int, queries: int) -> str:
    if documents or queries:
        return (
            f"{where}: nothing that is judged relevant is in the collection ({documents} documents and "
            f"{queries} queries are judged and not there); do corpus, queries and judgements belong together?"
        )
    what = "no relevant document" if qrels else "no judgement"
    return f"{where}: the split is empty ({what}); choose another split"
