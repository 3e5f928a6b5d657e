"""Rules over questions: asked in other words, or for another thing."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .inflection import verb_lemma
from .tagging import Sentence
from .vocabulary import Proposal, Vocabulary


def question_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Questions asked in other words (same), or for another thing (near-miss)."""
    n = len(s)
    if not s.is_question or n < 4:
        return
    low = s.lower
    if low[:2] == ["how", "many"]:
        yield [(0, 2, "what number of")], "numeric", 1, "question_reworded"
        yield [(0, 2, "which")], "numeric", 0, "question_word"
    elif low[0] == "when" and low[1] in ("did", "was", "is", "does", "were"):
        yield [(0, 1, "at what time")], "temporal", 1, "question_reworded"
        yield [(0, 1, "on what date")], "temporal", 1, "question_reworded"
        yield [(0, 1, rng.choice(("where", "why", "how")))], "temporal", 0, "question_word"
    elif low[0] == "where" and low[1] in ("did", "was", "is", "does", "were", "are"):
        yield [(0, 1, "in what place")], "spatial", 1, "question_reworded"
        yield [(0, 1, rng.choice(("when", "why", "how")))], "spatial", 0, "question_word"
    elif low[0] == "why" and low[1] in ("did", "was", "is", "does", "were", "are"):
        yield [(0, 1, "for what reason")], "object", 1, "question_reworded"
        yield [(0, 1, rng.choice(("when", "where", "how")))], "object", 0, "question_word"
    elif low[0] in ("which", "what") and s.tags[1] in ("NN", "NNS", "JJ"):
        yield [(0, 1, "what" if low[0] == "which" else "which")], "object", 1, "question_reworded"
    elif low[0] == "who" and s.tags[1] in ("VBD", "VBZ"):
        yield [(0, 1, "which person")], "role", 1, "question_reworded"
        lemma = verb_lemma(low[1])
        phrases = s.noun_phrases
        if lemma and phrases and phrases[0].start == 2 and phrases[0].end >= n - 1:
            do = "did" if s.tags[1] == "VBD" else "does"
            if s.tags[phrases[0].head] == "NNP" or low[phrases[0].head] in (
                "man",
                "woman",
                "king",
                "president",
                "queen",
            ):
                yield (
                    [(1, phrases[0].end, f"{do} {s.slice(2, phrases[0].end)} {lemma}")],
                    "role",
                    0,
                    "who_whom",
                )
    for ask in ("can you tell me", "i want to know"):
        if low[0] in ("who", "which") and s.tags[1] in ("VBD", "VBZ", "NN") and rng.random() < 0.5:
            yield [(0, 1, f"{ask} {low[0]}")], "role", 1, "question_asked"
