"""Explain one pair: which word of the query met which word of the passage, and what came of it."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank._validation import check_query, check_text
from compositional_rerank.checkpoints.parts import VERIFIER_OF
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.sentences import sentence_spans, token_spans
from compositional_rerank.explaining.explanation import Explanation, Segment, WordMatch
from compositional_rerank.explaining.word_pieces import Word, merge_pieces
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.scoring.maxsim import maxsim
from compositional_rerank.scoring.similarity import similarity_map
from compositional_rerank.scoring.tokens import PackedTokens


def explain(reranker: CompositionalReranker, query: str, passage: str) -> Explanation:
    """Show how a passage meets a query.

    Args:
        reranker: what would rank the passage.
        query: the question or statement; not blank.
        passage: any text; all of it is read, however long.

    Returns:
        The `Explanation`; its scores and verdict are those that ``reranker.rerank(query, [passage])`` gives.

    Raises:
        InputError: the query is blank, or a text is not a str.

    Example:
        >>> from compositional_rerank import CompositionalReranker
        >>> reranker = CompositionalReranker(encoder="all-MiniLM-L6-v2", verifier="none")
        >>> explanation = explain(reranker, "Rome is closer than Paris", "Paris is closer than Rome.")
        >>> match = explanation.matches[0]
        >>> explanation.query_words[match.query_word].text, explanation.passage_words[match.passage_word].text
        ('Rome', 'Rome')
    """
    query = check_query(query)
    passage = check_text(passage, "passage")
    result = reranker.rerank(query, [passage])[0]
    denial = None if result.mismatch is None else reranker.verify(query, [passage])[0].denial
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
        relevance=result.relevance if reranker.encoder.ranks else None,
        mismatch=result.mismatch,
        score=result.score,
        reads=frozenset() if reranker.verifier is None else reranker.verifier.reads,
        threshold=reranker.threshold,
        verdict=result.verdict,
        support=result.support,
        denial=denial,
        evidence=result.evidence,
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


def _matches(similarities: NDArray[np.float32], segments: tuple[Segment, ...]) -> tuple[WordMatch, ...]:
    if similarities.size == 0:
        return ()
    segment_of = [index for index, segment in enumerate(segments) for _ in range(*segment.words)]
    return tuple(
        WordMatch(row, column, float(similarities[row, column]), segment_of[column])
        for row, column in enumerate(similarities.argmax(axis=1).tolist())
    )


def _offsets(encoded: EncodedText) -> list[tuple[int, int]]:
    return [(start, stop) for start, stop in encoded.offsets.tolist()]


def _short_name(name: str) -> str:
    """Hub names as they are; of a folder only the last part: where it lies is nobody's business."""
    parts = name.split(VERIFIER_OF)
    return VERIFIER_OF.join(PurePath(part).name if PurePath(part).is_absolute() else part for part in parts)
