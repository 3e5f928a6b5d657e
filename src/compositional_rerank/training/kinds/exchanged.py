"""Sentences that nobody labelled: each with a word that says the same, and with one that does not."""

from __future__ import annotations

import random
from pathlib import Path

from compositional_rerank.training.edits import differing_words
from compositional_rerank.training.kinds.sentences import sentences_of
from compositional_rerank.training.rows import DENIES, DIFFERS, SUPPORTS, Row
from compositional_rerank.training.word_groups import Exchange, exchanges


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two rows for each sentence with a word that has others of its kind.

    It supports itself, with a word of the same meaning where there is one; with a word of another meaning it
    does not.

    Args:
        file: JSONL with one of the fields ``passage premise text1 texts``.
        different: what the changed sentence may be; 0 for a denial or a difference.
        rng: which words, and which text is the query.
    """
    found = []
    for number, sentence in enumerate(sentences_of(file)):
        places = exchanges(sentence)
        if not places:
            continue
        alike = [place for place in places if place.same]
        same = _with(sentence, rng.choice(alike), rng, same=True) if alike else sentence
        query, right = rng.sample((sentence, same), 2)
        changed = rng.choice((query, right))
        wrong = _with(changed, rng.choice(exchanges(changed)), rng, same=False)
        flipped = rng.random() < 0.5
        for text, verdict in ((right, SUPPORTS), (wrong, different or DENIES | DIFFERS)):
            asked, evidence = (text, query) if flipped else (query, text)
            marked = () if verdict == SUPPORTS else differing_words(evidence, asked)
            found.append(Row(asked, evidence, verdict, file.stem, str(number), marked))
    return found


def _with(text: str, place: Exchange, rng: random.Random, *, same: bool) -> str:
    word = rng.choice(place.same if same else place.others)
    if text[place.start].isupper():
        word = word[0].upper() + word[1:]
    return f"{text[: place.start]}{word}{text[place.stop :]}"
