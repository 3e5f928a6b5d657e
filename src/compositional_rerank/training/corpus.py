"""A user's own passages as training data: near-misses and rewrites of their sentences."""

from __future__ import annotations

import json
import random
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.segments import sentence_spans
from compositional_rerank.training.near_misses import pairs_from_corpus, triples
from compositional_rerank.training.sources import LabelledPair

_SUFFIXES = {".txt", ".md", ".jsonl"}
_REPLAY = 0.25  # share of template pairs, so that what the checkpoint knows is not forgotten


def read_passages(place: Path) -> list[str]:
    """Passages of a file or of all files of a folder: ``.txt`` and ``.md`` by paragraph, ``.jsonl`` by field.

    Args:
        place: a file or a folder, read with its subfolders; a JSONL line has ``text`` and maybe ``title``.

    Raises:
        DataError: nothing to read, or a bad line.
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
        content = file.read_text(encoding="utf-8")
        if file.suffix != ".jsonl":
            passages += [paragraph for paragraph in content.split("\n\n") if paragraph.strip()]
            continue
        for number, line in enumerate(content.splitlines(), 1):
            try:
                row = json.loads(line)
                passages.append(" ".join(part for part in (row.get("title", ""), row["text"]) if part))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"{file}:{number}: a line must be a JSON object with a text field 'text'"
                ) from error
    return passages


def corpus_pairs(passages: list[str], rows: int, seed: int) -> list[LabelledPair]:
    """Labelled pairs from passages: edits of their sentences, and some template pairs.

    Args:
        passages: any texts.
        rows: how many pairs.
        seed: fixes everything.

    Raises:
        DataError: the passages have no sentence of 20 to 240 characters.
    """
    rng = random.Random(seed)
    sentences = sorted(
        {
            text[start:stop]
            for text in passages
            for start, stop in sentence_spans(text)
            if 20 <= stop - start <= 240
        }
    )
    if not sentences:
        raise DataError("the passages have no sentence of 20 to 240 characters to make near-misses from")
    replayed = round(rows * _REPLAY)
    pairs = [
        LabelledPair(*rng.sample([pair.text1, pair.text2], 2), 1 - pair.same, "corpus")
        for pair in pairs_from_corpus(sentences, rows - replayed, seed)
    ]
    for triple in triples(replayed // 2, seed=seed):
        pairs.append(LabelledPair(triple.anchor, triple.positive, 0, "templates"))
        pairs.append(LabelledPair(triple.anchor, triple.negative, 1, "templates"))
    rng.shuffle(pairs)
    return pairs
