"""Questions with passages that answer them, and with others that do not."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import as_typed, names_and_numbers, renamed
from compositional_rerank.training.rows import DENIES, DIFFERS, SILENT, SUPPORTS, Row, detokenise, text_rows
from compositional_rerank.verification.forms import form_of

LONGEST = 700  # characters of a passage: a longer one would be cut while training


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """About three rows for each short enough line of a file with ``query passage``.

    The passage supports, or where the question takes a yes or a no it supports or denies. The closest other
    passage by TF-IDF differs or is silent, any other passage is silent, and so is one of another name.

    Args:
        file: JSONL.
        different: what the closest other passage may be; 0 for a difference or silence.
        rng: which passages, names and ways of typing.
    """
    pairs = [
        (detokenise(query), detokenise(passage))
        for query, passage in text_rows(file, "query", "passage")
        if len(passage) <= LONGEST
    ]
    if len({passage for _, passage in pairs}) < 2:
        raise DataError(f"{file}: at least two passages of up to {LONGEST} characters are needed")
    neighbours = _closest_others(pairs)
    pool = list(dict.fromkeys(chain.from_iterable(names_and_numbers(text) for _, text in pairs)))
    found = []
    for number, (query, passage) in enumerate(pairs):
        answers = SUPPORTS | DENIES if form_of(query) == "yes_no" else SUPPORTS
        found.append(Row(as_typed(query, rng), passage, answers, file.stem))
        if rng.random() < 0.7:
            found.append(
                Row(as_typed(query, rng), neighbours[number], different or DIFFERS | SILENT, file.stem)
            )
        else:
            other = rng.choice(pairs)[1]
            if other != passage:
                found.append(Row(as_typed(query, rng), other, SILENT, file.stem))
        changed = renamed(query, passage, rng.sample(pool, min(40, len(pool))), rng)
        if changed is not None:
            found.append(Row(*changed, DIFFERS | SILENT, file.stem))
    return found


def _closest_others(pairs: list[tuple[str, str]]) -> list[str]:
    """For each question the passage closest to it that is not its own, by TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    passages = sorted({passage for _, passage in pairs})
    words = TfidfVectorizer(stop_words="english", sublinear_tf=True)
    index = NearestNeighbors(n_neighbors=2, metric="cosine").fit(words.fit_transform(passages))
    places = index.kneighbors(words.transform([query for query, _ in pairs]), return_distance=False)
    return [
        next(passages[place] for place in row if passages[place] != own)
        for row, (_, own) in zip(places.tolist(), pairs, strict=True)
    ]
