"""From what the user names to checked data: a path on disk, or a data set of the hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from compositional_rerank.audit.answers import AnswerSet, answers_of, read_answers
from compositional_rerank.audit.corpus import document_of, judgements_of
from compositional_rerank.audit.formats import (
    ContrastSet,
    PairSet,
    RetrievalSet,
    TripleSet,
    contrast_of,
    pairs_of,
    read_beir,
    read_contrast,
    read_pairs,
    read_suite,
    read_triples,
    retrieval_set,
    triples_of,
    unique_ids,
)
from compositional_rerank.audit.nli import NliSet, nli_of, read_nli
from compositional_rerank.audit.records import Record
from compositional_rerank.errors import DataError, MissingDependencyError

Set = TypeVar("Set", PairSet, TripleSet, ContrastSet, AnswerSet, NliSet)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def find_suite(name: str) -> AnswerSet:
    """A suite that the package ships."""
    return read_suite(name)


def find_pairs(name: str) -> PairSet:
    """Pairs from a file or, as `owner/name[:split]`, from the hub."""
    return _find(name, read_pairs, pairs_of)


def find_triples(name: str) -> TripleSet:
    """Triples from a file or, as `owner/name[:split]`, from the hub."""
    return _find(name, read_triples, triples_of)


def find_contrast(name: str) -> ContrastSet:
    """Contrasts from a file or, as `owner/name[:split]`, from the hub."""
    return _find(name, read_contrast, contrast_of)


def find_answers(name: str) -> AnswerSet:
    """Queries with answers and near-misses, from a file or, as `owner/name[:split]`, from the hub."""
    return _find(name, read_answers, answers_of)


def find_nli(name: str) -> NliSet:
    """Premises and hypotheses from a file or, as `owner/name[:split]`, from the hub."""
    return _find(name, read_nli, nli_of)


def find_beir(name: str) -> tuple[RetrievalSet, str]:
    """A collection and its split, from `DIR[:split]` or, as `owner/name[:split]`, from the hub.

    Returns:
        The collection and the split, `test` where none is named.

    Raises:
        DataError: there is no such collection, or it is not well formed.
    """
    if Path(name).is_dir():
        return read_beir(Path(name)), "test"
    place, split = split_name(name, "test")
    if Path(place).is_dir() or not is_hub_name(place):
        return read_beir(Path(place), split), split
    return _beir_from_hub(place, split), split


def split_name(name: str, default: str) -> tuple[str, str]:
    r"""Split `PLACE[:split]`.

    Example:
        >>> split_name("data/nfcorpus:dev", "test"), split_name("C:\\data\\nfcorpus", "test")
        (('data/nfcorpus', 'dev'), ('C:\\data\\nfcorpus', 'test'))
    """
    place, colon, split = name.rpartition(":")
    if colon and place and re.fullmatch(r"[\w.-]+", split):
        return place, split
    return name, default


def is_hub_name(name: str) -> bool:
    """Whether a name can only mean a data set of the hub: `owner/name`, with no local folder `owner`."""
    if not _HUB_NAME.fullmatch(name) or Path(name.split("/")[0]).exists():
        return False
    return not name.endswith((".jsonl", ".json", ".tsv", ".csv", ".txt"))


def _find(
    name: str, read: Callable[[Path], Set], convert: Callable[[str, Iterable[Record], str], Set]
) -> Set:
    place, split = split_name(name, "test")
    if Path(name).exists() or not is_hub_name(place):
        return read(Path(name))
    return convert(place.split("/")[1], _hub_records(place, None, split), f"{place}:{split}")


def _beir_from_hub(name: str, split: str) -> RetrievalSet:
    """Read a BEIR collection of the hub; its judgements are beside it or, for BeIR/, in `NAME-qrels`."""
    document_ids: dict[str, int] = {}
    documents: list[str] = []
    starts: list[int] = []
    for record, identifier in unique_ids(_hub_records(name, "corpus", "corpus")):
        document_ids[identifier] = len(documents)
        text, start = document_of(record)
        documents.append(text)
        starts.append(start)
    query_records = unique_ids(_hub_records(name, "queries", "queries"))
    queries = {identifier: record.text("text") for record, identifier in query_records}
    judged = f"{name}-qrels" if name.startswith("BeIR/") else name
    lines = (
        (r.where, *(str(r.fields.get(column, "")) for column in ("query-id", "corpus-id", "score")))
        for r in _hub_records(judged, None, split)
    )
    judgements = judgements_of(
        ((w, q, d, _whole(s)) for w, q, d, s in lines), document_ids, queries, f"{judged}:{split}"
    )
    return retrieval_set(name.split("/")[1], tuple(document_ids), documents, starts, queries, judgements)


def _whole(grade: str) -> str:
    """Some hub collections store the grade 1 as 1.0."""
    return grade[:-2] if grade.endswith(".0") else grade


def _hub_records(name: str, config: str | None, split: str) -> Iterator[Record]:
    try:
        import datasets
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} is no local path, and reading it from the hub needs datasets: pip install datasets"
        ) from error
    try:
        rows: Iterable[Mapping[str, Any]] = datasets.load_dataset(name, config, split=split)
    except (
        Exception
    ) as error:  # datasets has no common base for what a hub, a network or a split can do wrong
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{name}: no such path on this machine, and the hub did not give it ({reason:.200}); "
            "check the path, or the name and the network"
        ) from error
    for i, row in enumerate(rows):
        yield Record(f"{name}:{split} row {i}", row)
