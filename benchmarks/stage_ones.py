"""First stages: cosines of embeddings, BM25, their rank fusion, and a simulated stronger one.

Each gives a query's best documents with its scores, higher is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from compositional_rerank.audit.cache import Embedder, EmbeddingCache, Floats32
from compositional_rerank.audit.formats import RetrievalSet

K = 60  # of reciprocal rank fusion
LIFT, NOISE = 0.3, 0.25  # of the simulated one, in standard deviations of the cosines of a query's best 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """A query's documents, best first: their places in the collection and their scores, ``[n]`` each."""

    places: NDArray[np.int64]
    scores: Floats


@dataclass(frozen=True)
class Part:
    """Some queries of a collection and the documents that they are looked for in, by place."""

    data: RetrievalSet
    queries: list[int]
    documents: NDArray[np.int64]

    @property
    def texts(self) -> list[str]:
        """The documents' texts."""
        return [self.data.documents[place] for place in self.documents.tolist()]

    @property
    def asked(self) -> list[str]:
        """The queries' texts."""
        return [self.data.queries[query] for query in self.queries]

    def best(self, scores: Floats, depth: int) -> list[Hits]:
        """The best documents of each query by scores ``[queries, documents]``; none is the query itself."""
        found = []
        for query, row in zip(self.queries, scores, strict=True):
            own = self.data.query_ids[query]
            order = [
                one for one in np.argsort(-row, kind="stable")[: depth + 1].tolist() if self.name(one) != own
            ][:depth]
            found.append(Hits(self.documents[order], row[order]))
        return found

    def name(self, document: int) -> str:
        """Identifier of one of the part's documents."""
        return self.data.document_ids[int(self.documents[document])]

    def relevant(self) -> NDArray[np.bool_]:
        """Which documents are relevant, ``[queries, documents]``."""
        names = [self.name(place) for place in range(len(self.documents))]
        return np.array(
            [
                [self.data.qrels[self.data.query_ids[query]].get(name, 0) > 0 for name in names]
                for query in self.queries
            ]
        )


class SentenceEmbedder:
    """A folder of sentence-transformers as the audit's cache wants it.

    Args:
        folder: the model.
        max_tokens: where longer texts are cut; None is the model's own limit.
    """

    def __init__(self, folder: Path, max_tokens: int | None) -> None:
        self.name = folder.name
        self._model = SentenceTransformer(str(folder), device="cpu")
        if max_tokens is not None:
            self._model.max_seq_length = max_tokens
        self.fingerprint = f"{folder.name}, {self._model.max_seq_length} tokens"

    def encode_query(self, queries: Sequence[str]) -> Floats32:
        """Normalised vectors, float32 ``[n, d]``."""
        return self._encoded(queries, "query")

    def encode_document(self, documents: Sequence[str]) -> Floats32:
        """Normalised vectors, float32 ``[n, d]``."""
        return self._encoded(documents, "document")

    def _encoded(self, texts: Sequence[str], role: str) -> Any:
        encode = self._model.encode_query if role == "query" else self._model.encode_document
        return encode(list(texts), batch_size=4, normalize_embeddings=True, show_progress_bar=False)


def cosines(cache: EmbeddingCache, embedder: Embedder, part: Part) -> Floats:
    """Cosines of embeddings, ``[queries, documents]``."""
    label = f"{part.data.name}: {embedder.name}"
    queries = cache.vectors(embedder, part.asked, "query", label)
    return (queries @ cache.vectors(embedder, part.texts, "document", label).T).astype(np.float64)


def bm25(part: Part) -> Floats:
    """BM25 of words, as bm25s has it, ``[queries, documents]``."""
    index = bm25s.BM25()
    index.index(bm25s.tokenize(part.texts, stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(part.asked, stopwords="en", show_progress=False, return_ids=False)
    return np.stack([index.get_scores(words) if words else np.zeros(len(part.documents)) for words in asked])


def fused(both: Sequence[Floats]) -> Floats:
    """Reciprocal rank fusion, Cormack, Clarke & Buettcher (SIGIR 2009)."""
    ranks = [np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1) for scores in both]
    total: Floats = np.sum([1.0 / (K + 1 + rank) for rank in ranks], axis=0)
    return total


def stronger(cosine: Floats, relevant: NDArray[np.bool_], seed: int) -> Floats:
    """Cosines that know something of the judgements: a lift for what is relevant, and noise."""
    spread = np.sort(cosine, axis=1)[:, -100:].std(axis=1, keepdims=True)
    noise = np.random.default_rng(seed).normal(size=cosine.shape)
    return cosine + spread * (LIFT * relevant + NOISE * noise)


def pooled(part: Part, scores: Floats, depth: int, relevant: int) -> Part:
    """The same queries, and of the documents only the best of each query and a few of its relevant ones."""
    kept = np.zeros(len(part.documents), dtype=bool)
    for row, wanted in zip(scores, part.relevant(), strict=True):
        kept[np.argsort(-row, kind="stable")[:depth]] = True
        kept[np.flatnonzero(wanted)[:relevant]] = True
    return Part(part.data, part.queries, part.documents[kept])
