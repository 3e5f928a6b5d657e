"""A user's own passages as training data: near-misses and rewrites of their sentences."""

from __future__ import annotations

import random
import re
from pathlib import Path

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.training.near_misses import pairs_from_corpus, triples
from compositional_rerank.training.sources import LabelledPair, numbered_rows

_SUFFIXES = {".txt", ".md", ".jsonl"}
_BLANK_LINES = re.compile(r"\n\s*\n")
_REPLAY = 0.25  # share of template pairs, so that what the checkpoint knows is not forgotten


def read_passages(place: Path) -> list[str]:
    """Passages of a file or of all files of a folder: ``.txt`` and ``.md`` by paragraph, ``.jsonl`` by field.

    Args:
        place: a file or a folder, read with its subfolders; a JSONL line has ``text`` and maybe ``title``.
            All of it is UTF-8; paragraphs are parted by blank lines.

    Raises:
        DataError: nothing to read, a bad line, or a file of another encoding.
    """
    files = (
        [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.suffix in _SUFFIXES)
    )
    if not files or not place.exists():
        raise DataError(
            f"{place}: no {', '.join(sorted(_SUFFIXES))} file to read; pass a file or folder with passages"
        )
    passages: list[str] = []
    for file in files:
        if file.suffix == ".jsonl":
            passages += [_passage(row, file, number) for number, row in numbered_rows(file)]
            continue
        try:
            content = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{file} is no text in UTF-8 ({error}): save it as UTF-8 text first") from error
        passages += [paragraph for paragraph in _BLANK_LINES.split(content) if paragraph.strip()]
    return passages


def _passage(row: dict[str, object], file: Path, number: int) -> str:
    title, text = row.get("title") or "", row.get("text")
    if not isinstance(title, str) or not isinstance(text, str):
        raise DataError(f"{file}:{number}: a line must be a JSON object with a text field 'text'")
    return f"{title} {text}".strip()


def corpus_pairs(passages: list[str], rows: int, seed: int) -> list[LabelledPair]:
    """Labelled pairs from passages: edits of their sentences, and some template pairs.

    Args:
        passages: any texts.
        rows: how many pairs, at least 1; fewer come where the sentences allow too few edits.
        seed: fixes everything.

    Raises:
        DataError: the passages have no sentence of 20 to 240 characters.
        InputError: ``rows`` is below 1.
    """
    if rows < 1:
        raise InputError(f"rows is {rows}: ask for at least 1 pair")
    rng = random.Random(seed)
    sentences = sorted(
        {
            text[start:stop]
            for text in (" ".join(passage.split()) for passage in passages)
            for start, stop in sentence_spans(text)
            if 20 <= stop - start <= 240
        }
    )
    if not sentences:
        raise DataError("the passages have no sentence of 20 to 240 characters to make near-misses from")
    replayed = round(rows * _REPLAY)
    pairs = []
    for pair in pairs_from_corpus(sentences, rows - replayed, seed):
        query, passage = rng.sample([pair.text1, pair.text2], 2)
        pairs.append(LabelledPair(query, passage, 1 - pair.same, "corpus"))
    for triple in triples(replayed // 2, seed=seed):
        pairs.append(LabelledPair(triple.anchor, triple.positive, 0, "templates"))
        pairs.append(LabelledPair(triple.anchor, triple.negative, 1, "templates"))
    rng.shuffle(pairs)
    return pairs
