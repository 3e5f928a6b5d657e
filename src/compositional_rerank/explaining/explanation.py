"""What an explanation holds: words, their best matches, segments, scores and the verdict, in words, too."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.explaining.word_pieces import Word
from compositional_rerank.results import VerdictName
from compositional_rerank.verification.asks import Ask, asks_of
from compositional_rerank.verification.readable import readable
from compositional_rerank.verification.verdicts import kind_of

_LONGEST = 300  # characters of the evidence in a sentence that quotes it
_SUPPORTS = {
    "statement": "the passage says what the query says",
    "yes_no": "the passage answers the question with yes",
    "question": "the passage answers the question",
    "same_question": "the passage asks the same",
}
_DENIES = {
    "statement": "the passage says the opposite of the query",
    "yes_no": "the passage answers the question with no",
    "question": "the passage says the opposite of what the question takes for granted",
    "same_question": "the passage asks the opposite",
}
_DIFFERS = "in nearly the query's words it speaks of another thing"


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
        relevance: MaxSim over tokens, in [-1, 1]; a checkpoint may mix in the cosine of pooled vectors. None
            without an encoder: words are then compared by their letters, which tells no relevance.
        mismatch: probability, in [0, 1], that the passage is a near-miss; None where it was not judged.
        score: what sorts: relevance, more for an answer, less for a mismatch; without an encoder what the
            first place is worth, less for a near-miss.
        reads: what the reranker's verifier reads: ``"statement"``, ``"yes_no"``, ``"question"``; empty
            without one, and then nothing is judged.
        threshold: mismatch from which a passage counts as a near-miss; None without a verifier.
        verdict: ``"supports"``, ``"denies"``, ``"differs"``, or None: see `Verdict`.
        support: probability of ``"supports"``, in [0, 1]; None where it was not judged.
        denial: probability of ``"denies"``, in [0, 1]; None where it was not judged.
        evidence: characters ``(start, stop)`` of the passage that decided; None where nothing did.
    """

    model: str
    query: str
    passage: str
    query_words: tuple[Word, ...]
    passage_words: tuple[Word, ...]
    similarities: NDArray[np.float32]
    matches: tuple[WordMatch, ...]
    segments: tuple[Segment, ...]
    relevance: float | None
    mismatch: float | None
    score: float
    reads: frozenset[str] = frozenset()
    threshold: float | None = None
    verdict: VerdictName | None = None
    support: float | None = None
    denial: float | None = None
    evidence: tuple[int, int] | None = None

    @property
    def near_miss(self) -> bool:
        """Whether the mismatch reaches the threshold."""
        if self.mismatch is None or self.threshold is None:
            return False
        return self.mismatch >= self.threshold

    @property
    def evidence_text(self) -> str:
        """The characters of the passage that decided, on one line; empty where nothing did."""
        start, stop = self.evidence or (0, 0)
        return " ".join(self.passage[start:stop].split())

    @property
    def score_means(self) -> str:
        """What the score is made of, in words."""
        if self.relevance is None:
            return "1, the worth of the first place, less for a near-miss"
        return "relevance, more for an answer, less for a mismatch"

    @property
    def why(self) -> str:
        """The verdict in words: one sentence, and the evidence that it rests on."""
        asked = asks_of(self.query, sentence_spans(self.query))
        if self.mismatch is None:
            return self._not_judged(asked)
        said = f"{self.verdict or 'silent'}: {self._said(asked)}"
        text = self.evidence_text
        if not text:
            return said
        return f"{said}. It says: “{text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + '…'}”"

    def _not_judged(self, asked: list[Ask]) -> str:
        if not self.reads:
            return "not read: this model has no verifier"
        if not readable(self.query):
            return "not judged: the query is no English prose"
        if not asked:
            return "not judged: keywords and stop words ask nothing"
        if not self.reads.intersection(ask.form for ask in asked):
            return f"not judged: this verifier reads nothing but {', '.join(sorted(self.reads))}"
        if not readable(self.passage):
            return "not judged: the passage is no English prose"
        return "not read: the passage is too far from the query, or no sentence of it can be judged"

    def _said(self, asked: list[Ask]) -> str:
        forms = {ask.form for ask in asked}
        # a "no" answers the one question of several that takes it
        yes_no = forms == {"yes_no"} or (self.verdict == "denies" and "yes_no" in forms)
        form = "statement" if "statement" in forms else "yes_no" if yes_no else "question"
        kind = kind_of(form, self.evidence_text)
        if self.verdict is None or self.verdict == "supports":
            said = _SUPPORTS[kind] if self.verdict else "the passage says nothing of it"
            return f"{said}, yet it is more likely a near-miss" if self.near_miss else said
        said = _DENIES[kind] if self.verdict == "denies" else _DIFFERS
        if self.near_miss:
            return f"{said}: a near-miss"
        if self.verdict == "denies" and kind == "yes_no":
            return f"{said}; an answer, not a near-miss"
        return f"{said}, but not surely enough for a near-miss"

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
            "why": self.why,
            "support": self.support,
            "denial": self.denial,
            "evidence": None if self.evidence is None else list(self.evidence),
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
