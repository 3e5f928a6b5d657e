"""Passages out of a Parquet file."""

from __future__ import annotations

from typing import Any

from compositional_rerank.errors import DataError, MissingDependencyError
from compositional_rerank.inputs.forms import TEXT_COLUMNS, Passage, passage_of

_ROWS = 4096  # read at once


def from_parquet(name: str) -> list[Passage]:
    """One passage a row, in its column text, passage, content or body; of the others, only id and score.

    Raises:
        DataError: it is no Parquet file, no column holds the text, or a row cannot be used.
        MissingDependencyError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            f"{name}: Parquet files need the package pyarrow; fix: pip install pyarrow"
        ) from error
    passages: list[Passage] = []
    try:
        with pq.ParquetFile(name) as file:
            columns = _columns(file.schema_arrow.names, name)
            for batch in file.iter_batches(batch_size=_ROWS, columns=list(columns)):
                for row in batch.to_pylist():
                    where = f"{name}, row {len(passages) + 1}"
                    passages.append(passage_of({columns[key]: row[key] for key in columns}, where))
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a NUL in the name, a bad text
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(
            f"{name} cannot be read as Parquet ({reason:.200}): write it anew, or leave it out"
        ) from error
    return passages


def _columns(names: list[str], shown: str) -> dict[str, str]:
    """Column -> what it is to a passage."""
    lower: dict[str, Any] = {}
    for name in names:
        lower.setdefault(name.lower(), name)
    text = next((lower[name] for name in TEXT_COLUMNS if name in lower), None)
    if text is None:
        raise DataError(
            f"{shown}: no column holds passages, it has {', '.join(map(repr, names)) or 'none':.80}: call "
            f"one {', '.join(TEXT_COLUMNS[:-1])} or {TEXT_COLUMNS[-1]}, or leave the file out"
        )
    known = {lower[name]: name for name in ("id", "retrieval_score", "score") if name in lower}
    return {text: "text", **known}
