"""Fitting what a verdict does to the order: threshold, gate, bonus and penalty."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank.audit.cache import EmbeddingCache, default_folder
from compositional_rerank.audit.formats import RetrievalSet
from compositional_rerank.audit.metrics import ranking_measures
from compositional_rerank.audit.retrieval import first_stage, sample_queries
from compositional_rerank.audit.sources import find_beir
from compositional_rerank.checkpoints.config import VerifierConfig
from compositional_rerank.encoding.embedder import StructuralEmbedder
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.results import RankedPassage
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.scoring.policy import Policy
from compositional_rerank.training.rows import detokenise, text_rows
from compositional_rerank.verification.evidence import to_read
from compositional_rerank.verification.forms import form_of

# all is read and close, nothing falls, and what the score has above the relevance is how well it answers
START = Fusion(least_closeness=-1.0, threshold=1.0, bonus=1.0, penalty=0.0)
CLOSE = 0.25  # passages of a collection's list that are close, on average: few are near-misses
LOSS = 0.003  # nDCG@10 that a setting may cost a sample of a collection, with one standard error of it
_QUERIES = 250  # of a collection; keywords are not read and cannot lose
_JUDGED = 1500  # queries with answers and near-misses
_DOCUMENTS = 6000  # of a collection; in a small one the lists are easier than those that are reported
_DEPTH = 30
# how much closer than `CLOSE` asks, threshold, bonus and penalty: all that is tried
_CLOSER = (0.0, 0.03, 0.06, 0.09, 0.12)
_GRID = (
    (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0),
    (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    (0.0, 0.05, 0.1, 0.2, 0.3, 0.5),
)


class _Read(NamedTuple):
    """What was found of the ``n`` passages of a list: all that a fusion makes scores of."""

    relevance: torch.Tensor
    answered: list[float]  # times the list's lift, once it is gated
    mismatch: list[float | None]
    closeness: torch.Tensor  # -1 where it was not read

    @classmethod
    def of(cls, ranking: Iterable[RankedPassage]) -> _Read:
        """Of a ranking under `START`, in the order of its candidates."""
        results = sorted(ranking, key=lambda result: result.index)
        lift = START.lift([one.mismatch for one in results]) or 1.0  # without one, no score is above
        return cls(
            torch.tensor([one.relevance for one in results], dtype=torch.float32),
            [0.0 if one.mismatch is None else max(0.0, one.score - one.relevance) / lift for one in results],
            [one.mismatch for one in results],
            torch.tensor([-1.0 if one.closeness is None else one.closeness for one in results]),
        )

    @classmethod
    def joined(cls, parts: Sequence[_Read]) -> _Read:
        """Of several lists as one."""
        return cls(
            torch.cat([one.relevance for one in parts]),
            [answered for one in parts for answered in one.answered],
            [mismatch for one in parts for mismatch in one.mismatch],
            torch.cat([one.closeness for one in parts]),
        )

    def within(self, least: float, limits: VerifierConfig) -> list[int]:
        """The places that are read where the gate is ``least``."""
        read = to_read(
            self.relevance, self.closeness, least=least, first=limits.first, most=limits.max_verified
        )
        return [place for place in read if self.mismatch[place] is not None]

    def gated(self, least: float, limits: VerifierConfig) -> _Read:
        """What would have been found with that gate."""
        read = self.within(least, limits)
        by_closeness = dataclasses.replace(START, least_closeness=least).mismatch
        close = self.closeness.tolist()
        mismatch = [
            by_closeness(one, close[place]) if place in read else None
            for place, one in enumerate(self.mismatch)
        ]
        lift = START.lift(mismatch)
        answered = [lift * one if place in read else 0.0 for place, one in enumerate(self.answered)]
        return self._replace(answered=answered, mismatch=mismatch)

    def scores(self, fusion: Fusion | None) -> list[float]:
        """Under a fusion; None is by relevance alone."""
        if fusion is None:
            return [float(one) for one in self.relevance]
        answered, mismatch = (
            torch.tensor([one or 0.0 for one in values], dtype=torch.float32)
            for values in (self.answered, self.mismatch)
        )
        near_miss = torch.tensor(fusion.flags(Policy("relevance"), self.mismatch), dtype=torch.bool)
        return [float(one) for one in fusion.score(self.relevance, answered, mismatch, near_miss)]


class _Ranked(NamedTuple):
    """A collection's query: what was read of its list, and what an order of it is worth."""

    read: _Read
    worth: _Worth


class _Judged(NamedTuple):
    """A query with passages that answer it, which come first, and its near-misses."""

    read: _Read
    answers: int


class _Worth:
    """nDCG@10 of an order of a query's list."""

    def __init__(self, query: str, judged: Mapping[str, Mapping[str, int]], names: Sequence[str]) -> None:
        self._query, self._judged, self._names = query, judged, names
        self._known: dict[tuple[int, ...], float] = {}

    def __call__(self, order: Sequence[int]) -> float:
        """Of places in the list, best first."""
        first = tuple(order[:10])
        if first not in self._known:
            run = {self._query: [self._names[place] for place in first]}
            self._known[first] = float(ranking_measures(self._judged, run)["ndcg@10"][0])
        return self._known[first]


def fit_fusion(
    checkpoint: Path,
    judged: Iterable[tuple[str, list[str], list[str]]],
    beir: Sequence[str],
    tell: Callable[[str], None],
) -> Fusion:
    """The fusion of a checkpoint, fitted on data that it was not trained on.

    The least closeness is the one that `CLOSE` passages of a list reach on average, in the median of the
    collections, or a little more. It, threshold, bonus and penalty are those that put most answers above
    their near-misses and cost no collection more than `LOSS` of nDCG@10, one standard error included: what
    changes much may have been lucky. Where all cost more, nothing falls: then threshold is 1, and bonus and
    penalty are 0.

    Args:
        checkpoint: folder whose fusion is `START`.
        judged: queries with texts that answer them and near-misses.
        beir: collections, ``FOLDER:split``, or JSONL files with ``query passage``.
        tell: called with lines on what came out.
    """
    reranker = CompositionalReranker.from_pretrained(checkpoint)
    assert reranker.config is not None
    assert reranker.config.verifier is not None
    lists = [_lists(reranker, name) for name in beir]
    texts = list(judged)
    chosen = [_judged(reranker, *one) for one in random.Random(0).sample(texts, min(len(texts), _JUDGED))]
    return _best(chosen, lists, reranker.config.verifier, tell)


def _best(
    judged: Sequence[_Judged],
    collections: Sequence[Sequence[_Ranked]],
    limits: VerifierConfig,
    tell: Callable[[str], None],
) -> Fusion:
    """The fusion that `fit_fusion` looks for, of what was read under `START`."""
    gates = [_gate([one.read for one in ranked]) for ranked in collections] or [1.0]
    gate = round(float(np.median(gates)), 2)
    starts = np.cumsum([0, *(len(one.read.mismatch) for one in judged)]).tolist()
    pairs = [
        (start + right, start + one.answers + wrong)
        for start, one in zip(starts, judged, strict=False)
        for right, wrong in product(range(one.answers), range(len(one.read.mismatch) - one.answers))
    ]
    first_of, second_of = np.array(pairs).T
    is_right = np.concatenate([np.arange(len(one.read.mismatch)) < one.answers for one in judged])
    found: dict[Fusion, tuple[float, list[float], float, float]] = {}
    plain = [_ndcgs(ranked, None) for ranked in collections]
    for least in dict.fromkeys(min(1.0, round(gate + more, 2)) for more in _CLOSER):
        everything = _Read.joined([one.read.gated(least, limits) for one in judged])
        gated = [
            [one._replace(read=one.read.gated(least, limits)) for one in ranked] for ranked in collections
        ]
        mismatch = np.array([one or 0.0 for one in everything.mismatch])
        for tried in (Fusion(least, *values) for values in product(*_GRID)):
            losses = []
            for before, ranked in zip(plain, gated, strict=True):
                loss = before - _ndcgs(ranked, tried)
                losses.append(float(loss.mean()))
                if losses[-1] + float(loss.std()) / len(loss) ** 0.5 > LOSS:
                    break
            else:
                scores = np.array(everything.scores(tried))
                first = float(np.mean(scores[first_of] > scores[second_of]))
                flagged = mismatch >= tried.threshold
                rejected = (float(flagged[is_right].mean()), float(flagged[~is_right].mean()))
                found[tried] = (first, losses, *rejected)
    chosen = max(found, key=lambda tried: found[tried][0])
    first, losses, wrongly, rightly = found[chosen]
    tell(f"  {chosen}: rejects {wrongly:.1%} of the answers and {rightly:.1%} of the near-misses")
    tell(f"  right above near-miss {first:.3f}; nDCG@10 gains {[round(-loss, 4) for loss in losses]}")
    return chosen


def _gate(lists: Sequence[_Read]) -> float:
    """The least closeness that `CLOSE` passages reach on average of the lists that ask something."""
    judged = [read for read in lists if any(one is not None for one in read.mismatch)]
    if not judged:
        return 1.0
    found = torch.cat([read.closeness for read in judged]).sort(descending=True).values.tolist()
    beyond = found[min(len(found), int(CLOSE * len(judged))) :]
    return next((round(one + 0.005, 2) for one in beyond), -1.0)


def _lists(reranker: CompositionalReranker, name: str) -> list[_Ranked]:
    """Reranked candidates of a sample of a collection's queries, and what an order of them is worth."""
    data = _asking(_passages(Path(name)) if Path(name).is_file() else find_beir(name)[0])
    embedder = StructuralEmbedder(reranker.settings["model"])
    queries = sample_queries(data, _QUERIES, seed=0)
    data = _smaller(data, {data.query_ids[query] for query in queries})
    first = first_stage(EmbeddingCache(default_folder()), embedder, data, queries, _DEPTH, data.name)
    found = []
    for query, (places, _) in zip(queries, first, strict=True):
        texts = [data.documents[int(place)] for place in places]
        spans = [(data.text_starts[int(place)], len(text)) for place, text in zip(places, texts, strict=True)]
        ranking = reranker.rerank(data.queries[query], texts, own_text=spans, order="relevance")
        names = [data.document_ids[int(place)] for place in places]
        judged = {data.query_ids[query]: data.qrels[data.query_ids[query]]}
        found.append(_Ranked(_Read.of(ranking), _Worth(data.query_ids[query], judged, names)))
    return found


def _judged(
    reranker: CompositionalReranker, query: str, answers: Sequence[str], near_misses: Sequence[str]
) -> _Judged:
    passages = [*answers, *near_misses]
    ranking = reranker.rerank(query, passages, order="relevance", max_verified=len(passages))
    return _Judged(_Read.of(ranking), len(answers))


def _passages(file: Path) -> RetrievalSet:
    """A file of questions with the passages that answer them as a collection."""
    found = [
        (detokenise(query), detokenise(passage)) for query, passage in text_rows(file, "query", "passage")
    ]
    names = {text: str(number) for number, text in enumerate(dict.fromkeys(text for _, text in found))}
    answers: dict[str, dict[str, int]] = {}
    for query, passage in found:
        answers.setdefault(query, {})[names[passage]] = 1
    return RetrievalSet(
        file.stem, list(names.values()), list(names), [0] * len(names), list(answers), list(answers), answers
    )


def _asking(data: RetrievalSet) -> RetrievalSet:
    """A collection without its keyword queries."""
    places = [place for place, query in enumerate(data.queries) if form_of(query) != "keywords"]
    return dataclasses.replace(
        data,
        query_ids=[data.query_ids[place] for place in places],
        queries=[data.queries[place] for place in places],
    )


def _smaller(data: RetrievalSet, queries: Set[str]) -> RetrievalSet:
    """The documents of a collection that are judged for some queries, and others up to a number in all."""
    judged = {document for query in queries for document in data.qrels[query]}
    order = np.random.default_rng(0).permutation(len(data.document_ids)).tolist()
    others = [place for place in order if data.document_ids[place] not in judged]
    kept = {place for place in order if data.document_ids[place] in judged}
    places = sorted({*kept, *others[: max(0, _DOCUMENTS - len(kept))]})
    return dataclasses.replace(
        data,
        document_ids=[data.document_ids[place] for place in places],
        documents=[data.documents[place] for place in places],
        text_starts=[data.text_starts[place] for place in places],
    )


def _ndcgs(lists: Sequence[_Ranked], fusion: Fusion | None) -> NDArray[np.float64]:
    """nDCG@10 of each list under a fusion; None is by relevance alone."""
    values = []
    for read, worth in lists:
        scores = read.scores(fusion)
        values.append(worth(sorted(range(len(scores)), key=lambda place: -scores[place])))
    return np.array(values)
