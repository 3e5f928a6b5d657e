"""One list before and after, with what the page needs to sort it again at any threshold by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from pydantic import Field

from compositional_rerank.errors import StoreError
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.scoring.policy import NearMisses, Order
from compositional_rerank.serving.http.answers import Judged, Judgement
from compositional_rerank.serving.playground.embeddings import Embeddings


class Row(Judged):
    """A passage."""

    index: int
    before: int = Field(description="Its place by the cosine alone, from 1.")
    cosine: float = Field(description="Of the embeddings of query and passage, in [-1, 1].")
    score: float = Field(description="What sorts, where the threshold makes it no near-miss.")
    score_as_near_miss: float | None = Field(description="Where it does; null: it is left out.")


class Compared(Judgement):
    """All passages, in the order that they came in."""

    rows: list[Row]
    encoding_ms: float = Field(description="Of the query, and the passages that were not known yet.")
    ranking_ms: float = Field(description="Of one ranking, with the query.")


def compared(
    reranker: CompositionalReranker,
    embeddings: Embeddings,
    query: str,
    passages: Sequence[str],
    order: Order,
    near_misses: NearMisses,
) -> Compared:
    """Rank by the cosine of embeddings, as a vector store would, and hand that order to the reranker.

    A threshold decides which passages are near-misses, and nothing else. So the scores at 1, where none is
    one, and those at 0, where all that were judged are, are the two that a passage can have.

    Args:
        reranker: what ranks.
        embeddings: what found the passages.
        query: as in `CompositionalReranker.rerank`, and so are the others.
        passages: in any order.
        order: what verdicts change.
        near_misses: what becomes of them.
    """
    started = time.perf_counter()
    cosines = embeddings.cosines(query, passages)
    with suppress(StoreError):  # what cannot be kept is encoded anew
        reranker.encode_passages(passages)
    ready = time.perf_counter()
    before = sorted(range(len(passages)), key=lambda index: -cosines[index])
    texts, scores = [passages[index] for index in before], [cosines[index] for index in before]
    kept = "demote" if near_misses == "drop" else near_misses  # their scores are the same
    begun = time.perf_counter()
    ranking = reranker.rerank(
        query, texts, retrieval_scores=scores, order=order, near_misses=kept, threshold=1.0
    )
    ended = time.perf_counter()
    flagged = reranker.rerank(
        query, texts, retrieval_scores=scores, order=order, near_misses=kept, threshold=0.0
    )
    as_near_miss = {one.index: one.score for one in flagged}
    rows = [
        Row(
            index=before[one.index],
            before=one.index + 1,
            cosine=scores[one.index],
            verdict=one.verdict,
            support=one.support,
            mismatch=one.mismatch,
            evidence=one.evidence,
            score=one.score,
            score_as_near_miss=None if near_misses == "drop" else as_near_miss[one.index],
        )
        for one in ranking
    ]
    return Compared(
        model=reranker.name,
        threshold=reranker.threshold,
        rows=sorted(rows, key=lambda row: row.index),
        encoding_ms=1000 * (ready - started),
        ranking_ms=1000 * (ended - begun),
    )
