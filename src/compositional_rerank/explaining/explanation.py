"""What an explanation holds: words, their best matches, segments and scores."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.explaining.word_pieces import Word


@dataclass(frozen=True)
class WordMatch:
    """The passage word that meets a query word best.

    Args:
        query_word: index into the query's words.
        passage_word: index into the passage's words.
        similarity: cosine of the two words, in [-1, 1].
        segment: index of the segment that the passage word is in.
    """

    query_word: int
    passage_word: int
    similarity: float
    segment: int


@dataclass(frozen=True)
class Segment:
    """A sentence-sized span of the passage.

    Args:
        text: the sentence as written.
        start: its first character in the passage.
        stop: one past its last character.
        words: the passage's words in it, ``first, one past the last``.
        relevance: MaxSim of the query with this segment alone, in [-1, 1].
    """

    text: str
    start: int
    stop: int
    words: tuple[int, int]
    relevance: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """How a passage meets a query, word by word.

    Args:
        model: the reranker's name.
        query: the query.
        passage: the passage.
        query_words: words of the query, word pieces merged.
        passage_words: words of the passage, word pieces merged.
        similarities: float32 ``[query words, passage words]`` in [-1, 1]: for each piece of the query word
            the best cosine with a piece of the passage word, averaged.
        matches: the best match of every query word; empty if the passage has no word.
        segments: the passage's sentences, in order.
        relevance: MaxSim over tokens, in [-1, 1]; a checkpoint may mix in the cosine of pooled vectors.
        mismatch: probability, in [0, 1], that the passage is a near-miss; None where it was not verified.
        score: what sorts: relevance less the penalty of a mismatch.
        has_verifier: whether the reranker has a verifier; without one, nothing is verified.
        threshold: mismatch from which a passage counts as a near-miss; None without a verifier.
    """

    model: str
    query: str
    passage: str
    query_words: tuple[Word, ...]
    passage_words: tuple[Word, ...]
    similarities: NDArray[np.float32]
    matches: tuple[WordMatch, ...]
    segments: tuple[Segment, ...]
    relevance: float
    mismatch: float | None
    score: float
    has_verifier: bool = False
    threshold: float | None = None

    @property
    def verdict(self) -> str:
        """What the mismatch says, in a few words."""
        if not self.has_verifier:
            return "not verified: this model has no verifier"
        if self.mismatch is None:
            return "not verified: too far from the query to be a near-miss of it"
        if self.threshold is None:
            return "verified"
        return "near-miss" if self.mismatch >= self.threshold else "no near-miss"

    def best_segments(self, most: int = 3) -> list[int]:
        """Indices of the segments with the highest MaxSim, best first; ties keep the order of the passage."""
        return sorted(range(len(self.segments)), key=lambda index: -self.segments[index].relevance)[:most]

    def to_dict(self) -> dict[str, Any]:
        """The explanation in plain lists, strings and numbers; similarities are rounded to 4 places."""
        return {
            "model": self.model,
            "query": self.query,
            "passage": self.passage,
            "relevance": self.relevance,
            "mismatch": self.mismatch,
            "score": self.score,
            "verdict": self.verdict,
            "threshold": self.threshold,
            "query_words": [_word_dict(word) for word in self.query_words],
            "passage_words": [_word_dict(word) for word in self.passage_words],
            "matches": [asdict(match) for match in self.matches],
            "segments": [{**asdict(segment), "words": list(segment.words)} for segment in self.segments],
            "similarities": [[round(cell, 4) for cell in row] for row in self.similarities.tolist()],
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """`to_dict` as JSON, in ASCII, so that any text survives any pipe."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


def _word_dict(word: Word) -> dict[str, Any]:
    return {"text": word.text, "start": word.start, "stop": word.stop}
