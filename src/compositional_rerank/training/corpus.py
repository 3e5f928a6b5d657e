"""A user's own passages as training data: near-misses and rewrites of their sentences."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.training.near_misses import pairs_from_corpus, triples
from compositional_rerank.training.sources import LabelledPair

_REPLAY = 0.25  # share of template pairs, so that what the checkpoint knows is not forgotten


def read_passages(place: Path) -> list[str]:
    """Passages of a file, or of all files of a folder, as the command line reads them.

    Args:
        place: a file or a folder, read with its subfolders; ``compositional-rerank train --help`` says which
            files are read and how.

    Raises:
        DataError: nothing to read, a bad line, or a file of another encoding.
    """
    from compositional_rerank.cli._input import read_passages as read

    passages = [passage.text for passage in read([str(place)], say=lambda _: None)]
    if not passages:
        raise DataError(f"{place} holds no passage: name a file or folder with text in it")
    return passages


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
