"""Explain one pair: which word of the query met which word of the passage, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank._validation import check_query, check_text
from compositional_rerank.scoring.maxsim import maxsim
from compositional_rerank.scoring.similarity import similarity_map
from compositional_rerank.scoring.tokens import PackedTokens
from compositional_rerank.segments import sentence_spans, token_spans
from compositional_rerank.words import Word, merge_pieces

if TYPE_CHECKING:
    from compositional_rerank.encoder import EncodedText
    from compositional_rerank.reranker import CompositionalReranker


@dataclass(frozen=True)
class Match:
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
    matches: tuple[Match, ...]
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

    def to_text(self, width: int = 100) -> str:
        """The explanation for a terminal of ``width`` columns."""
        from compositional_rerank.explain_text import to_text

        return to_text(self, width)

    def to_html(self) -> str:
        """The explanation as a self-contained page: no script, nothing loaded from elsewhere."""
        from compositional_rerank.explain_html import to_html

        return to_html(self)

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


def explain(reranker: CompositionalReranker, query: str, passage: str) -> Explanation:
    """Show how a passage meets a query.

    Args:
        reranker: what would rank the passage.
        query: the question or statement; not blank.
        passage: any text; all of it is read, however long.

    Returns:
        The `Explanation`; its scores are those that ``reranker.rerank(query, [passage])`` gives.

    Raises:
        InputError: the query is blank, or a text is not a str.

    Example:
        >>> from compositional_rerank import CompositionalReranker
        >>> reranker = CompositionalReranker.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        >>> explanation = explain(reranker, "Rome is closer than Paris", "Paris is closer than Rome.")
        >>> match = explanation.matches[0]
        >>> explanation.query_words[match.query_word].text, explanation.passage_words[match.passage_word].text
        ('Rome', 'Rome')
    """
    query = check_query(query)
    passage = check_text(passage, "passage")
    result = reranker.rerank(query, [passage])[0]
    encoded_query = reranker.encoder.encode([query], task="query")[0]
    encoded_passage = reranker.encode_passages([passage])[0]
    query_words = merge_pieces(query, _offsets(encoded_query))
    passage_words = merge_pieces(passage, _offsets(encoded_passage))
    similarities = _by_word(encoded_query.vectors, encoded_passage, query_words, passage_words)
    segments = _segments(passage, encoded_query.vectors, encoded_passage, passage_words)
    return Explanation(
        model=_short_name(reranker.name),
        query=query,
        passage=passage,
        query_words=tuple(query_words),
        passage_words=tuple(passage_words),
        similarities=similarities,
        matches=_matches(similarities, segments),
        segments=segments,
        relevance=result.relevance,
        mismatch=result.mismatch,
        score=result.score,
        has_verifier=reranker.verifier is not None,
        threshold=reranker.threshold,
    )


def _by_word(
    query: torch.Tensor, passage: EncodedText, query_words: list[Word], passage_words: list[Word]
) -> NDArray[np.float32]:
    if not query_words or not passage_words:
        return np.zeros((len(query_words), len(passage_words)), dtype=np.float32)
    pieces = similarity_map(query, passage.vectors, passage.scales).numpy()
    columns, starts = _grouped(passage_words)
    best = np.maximum.reduceat(pieces[:, columns], starts, axis=1)  # no word is empty, which reduceat needs
    rows, starts = _grouped(query_words)
    sums = np.add.reduceat(best[rows], starts, axis=0)
    lengths = np.diff([*starts, len(rows)]).astype(np.float32)
    similarities = (sums / lengths[:, None]).astype(np.float32)
    similarities.setflags(write=False)
    return similarities


def _grouped(words: list[Word]) -> tuple[list[int], list[int]]:
    """The tokens of all words end to end, and where each word starts among them."""
    tokens: list[int] = []
    starts: list[int] = []
    for word in words:
        starts.append(len(tokens))
        tokens.extend(range(*word.tokens))
    return tokens, starts


def _segments(
    passage: str, query: torch.Tensor, encoded: EncodedText, words: list[Word]
) -> tuple[Segment, ...]:
    sentences = sentence_spans(passage)
    if not sentences or not words:
        return ()
    tokens = token_spans(sentences, _offsets(encoded))
    bounds = torch.tensor([0, *(stop for _, stop in tokens)])
    relevances = maxsim(query, PackedTokens(encoded.vectors, bounds, encoded.scales))
    spans = token_spans(sentences, [(word.start, word.stop) for word in words])
    return tuple(
        Segment(passage[start:stop], start, stop, span, relevance)
        for (start, stop), span, relevance in zip(sentences, spans, relevances.tolist(), strict=True)
    )


def _matches(similarities: NDArray[np.float32], segments: tuple[Segment, ...]) -> tuple[Match, ...]:
    if similarities.size == 0:
        return ()
    segment_of = [index for index, segment in enumerate(segments) for _ in range(*segment.words)]
    return tuple(
        Match(row, column, float(similarities[row, column]), segment_of[column])
        for row, column in enumerate(similarities.argmax(axis=1).tolist())
    )


def _offsets(encoded: EncodedText) -> list[tuple[int, int]]:
    return [(start, stop) for start, stop in encoded.offsets.tolist()]


def _word_dict(word: Word) -> dict[str, Any]:
    return {"text": word.text, "start": word.start, "stop": word.stop}


def _short_name(name: str) -> str:
    """A hub name as it is; of a folder only the last part: where it lies is nobody's business."""
    return PurePath(name).name if PurePath(name).is_absolute() else name
