"""Copying what a store still needs to new files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from compositional_rerank.store.index import Records, seal
from compositional_rerank.store.layout import Layout
from compositional_rerank.store.reader import Reader

_CHUNK = 32 << 20  # bytes held in memory


def copy_records(reader: Reader, layout: Layout, records: Records, data: Path, index: Path) -> None:
    """Write passages and their records to new files, and bring these to the disk; damaged ones are left out.

    Args:
        reader: where the passages are.
        layout: how they are written.
        records: theirs, in the order in which to write them.
        data: file for the passages.
        index: file for the records.
    """
    end = 0
    cuts = np.flatnonzero(np.diff(np.cumsum(records["size"].astype(np.int64)) // _CHUNK)) + 1
    with data.open("wb") as out, index.open("wb") as new_index:
        for chunk in np.split(records, cuts):
            contents = reader.contents(layout, chunk)
            for record, content in zip(chunk, contents, strict=True):
                if content is not None:
                    out.write(content)
                    record["start"] = end
                    end += len(content)
            whole = np.array([content is not None for content in contents], np.bool_)
            new_index.write(seal(chunk[whole]).tobytes())
        for file in (out, new_index):
            file.flush()
            os.fsync(file.fileno())
