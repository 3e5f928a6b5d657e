"""What a loaded reranker does: passages from the store or the encoder, then relevance, verdict and score."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

import torch

from compositional_rerank.backends.precision import full_precision
from compositional_rerank.checkpoints.config import CheckpointConfig
from compositional_rerank.concurrency.deadline import step
from compositional_rerank.encoding.base import Encoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError
from compositional_rerank.results import Degradation, PairScores, RankedPassage, Verdict
from compositional_rerank.scoring.calibration import Denials
from compositional_rerank.scoring.maxsim import with_cosines
from compositional_rerank.scoring.order import base, incoming
from compositional_rerank.scoring.policy import Policy
from compositional_rerank.scoring.similarity import Similarities
from compositional_rerank.store import Shelf, TokenStore
from compositional_rerank.store.shelf import OnStoreError
from compositional_rerank.verification.asks import Ask, asks_of
from compositional_rerank.verification.base import Verifier
from compositional_rerank.verification.evidence import (
    Reading,
    Text,
    closest,
    compare,
    readings,
    to_read,
)
from compositional_rerank.verification.gauge import Gauge
from compositional_rerank.verification.same_question import same_questions
from compositional_rerank.verification.verdicts import Judged
from compositional_rerank.verification.verdicts import verdicts as judge

_UNREAD = Judged(Verdict(), 0.0)
Candidate = tuple[str, tuple[int, int] | None]
"""A passage, and which of its characters may be evidence: None for all of them."""


@dataclass(frozen=True, eq=False)
class Engine:
    """The loaded parts of a reranker. Safe to share between threads.

    Args:
        name: of the model, as the user calls it.
        encoder: makes token embeddings.
        store: keeps those of passages.
        config: of the checkpoint; None for plain MaxSim.
        verifier: reads suspects; None for plain MaxSim.
        on_store_error: see `Shelf`.
        degraded: what every ranking does without that the model has.
    """

    name: str
    encoder: Encoder
    store: TokenStore
    config: CheckpointConfig | None = None
    verifier: Verifier | None = None
    on_store_error: OnStoreError = "encode"
    degraded: tuple[Degradation, ...] = ()
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelf", Shelf(self.encoder, self.store, self.on_store_error))

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the scores depend on, but the store's rounding."""
        lacks = " without its verifier" if self.config is not None and self.verifier is None else ""
        return hashlib.sha256(f"{self.encoder.fingerprint} {self.config}{lacks}".encode()).hexdigest()

    @cached_property
    def gauge(self) -> Gauge:
        """The encoder's scale of closeness."""
        return Gauge.of(self.encoder)

    def compare(self, query: EncodedText, passages: Sequence[EncodedText]) -> Similarities:
        """`evidence.compare`, with closeness on the scale that the gate is fitted on."""
        found = compare(query, passages)
        if self.verifier is None:
            return found
        return replace(found, closeness=self.gauge.shipped(found.closeness))

    def query(self, text: str) -> Text:
        """A query with its token embeddings.

        Raises:
            InputError: the tokenizer knows none of its characters.
        """
        return Text(text, None, _checked(self.encoder.encode([text], task="query")[0], text))

    def need_verifier(self) -> Verifier:
        """The verifier.

        Raises:
            InputError: there is none.
        """
        if self.verifier is None:
            raise InputError(f"{self.name} has no verifier: pass verifier=, or a checkpoint as the model")
        return self.verifier

    def same_questions(self, cached: list[str], new: list[str]) -> list[Verdict]:
        """Verdicts of aligned pairs of questions."""
        return self._flagged(same_questions(self.need_verifier(), cached, new), Policy())

    def encoded(
        self, passages: Sequence[str], show_progress: bool = False, *, must_keep: bool = False
    ) -> list[EncodedText]:
        """Token embeddings of passages, from the store where it has them; new ones are encoded and kept."""
        return self.shelf.encoded(passages, show_progress, must_keep=must_keep)

    @full_precision
    def rank(
        self,
        query: Text,
        candidates: Sequence[Candidate],
        given: Sequence[float | None],
        policy: Policy,
        by_vectors: Sequence[float] | None = None,
    ) -> list[RankedPassage]:
        """Every candidate with its scores and verdict, best first, but near-misses that a policy drops.

        Raises:
            InputError: the policy's order needs a relevance: there is no encoder, and nothing ``by_vectors``.
        """
        if not self.encoder.ranks and by_vectors is None:
            policy = policy.without_relevance()
        # Equal texts are scored once: the same sum at another place of a batch may differ in its last bit,
        # and the texts would trade places with their twins.
        place_of = {candidate: place for place, candidate in enumerate(dict.fromkeys(candidates))}
        places = torch.tensor([place_of[candidate] for candidate in candidates])
        encoded = self.encoded([text for text, _ in place_of])
        compared = self.compare(query.encoded, encoded)
        cosines = self._cosines(query.encoded, encoded)
        relevance = self._relevance(compared.maxsim, cosines)
        if by_vectors is not None:
            first = dict(zip(reversed(places.tolist()), reversed(by_vectors), strict=True))  # of equal texts
            relevance = torch.tensor([first[place] for place in range(len(first))], dtype=torch.float32)
        close = closest(encoded, compared.closeness)
        own = incoming(given)
        before = base(policy.order, relevance, own, places, cosines if by_vectors is None else None)
        found: dict[int, Judged] = {}
        if self.config is not None and self.verifier is not None:
            limits = self.config.verifier
            read = to_read(
                before,
                close,
                least=self.config.fusion.least_closeness,
                first=limits.first,
                most=limits.max_verified if policy.max_verified is None else policy.max_verified,
            )
            texts = [Text(*passage, entry) for passage, entry in zip(place_of, encoded, strict=True)]
            found = self._verdicts(query, texts, compared.closeness, close, read, policy.denials)
        judged = [found.get(place, _UNREAD) for place in places.tolist()]
        kept = own.values if policy.order == "retriever" else None
        scores, flags = self._scores(before[places], judged, policy, kept)
        columns = zip(*(one.tolist() for one in (places, scores, flags)), strict=True)
        results = []
        for index, (place, score, flag) in enumerate(columns):
            one = judged[index].verdict
            results.append(
                RankedPassage(
                    index=index,
                    text=candidates[index][0],
                    retrieval_score=given[index],
                    maxsim=float(compared.maxsim[place]),
                    relevance=float(relevance[place]),
                    closeness=None if one.mismatch is None else float(close[place]),
                    verdict=one.verdict,
                    support=one.support,
                    mismatch=one.mismatch,
                    near_miss=flag,
                    evidence=one.evidence,
                    score=score,
                )
            )
        left = [one for one in results if not (one.near_miss and policy.near_misses == "drop")]
        return sorted(left, key=lambda result: -result.score)

    @full_precision
    def verify(self, query: Text, passages: Sequence[Candidate], denials: Denials) -> list[Verdict]:
        """Verdicts of all passages, however far they are from the query."""
        unique = list(dict.fromkeys(passages))
        encoded = self.encoded([text for text, _ in unique])
        compared = self.compare(query.encoded, encoded)
        texts = [Text(*passage, entry) for passage, entry in zip(unique, encoded, strict=True)]
        close = closest(encoded, compared.closeness)
        found = self._verdicts(query, texts, compared.closeness, close, range(len(texts)), denials)
        flagged = self._flagged([found[place].verdict for place in range(len(unique))], Policy())
        verdicts = dict(zip(unique, flagged, strict=True))
        return [verdicts[passage] for passage in passages]

    @full_precision
    def score_pairs(
        self, queries: list[str], passages: list[str], policy: Policy, show_progress: bool
    ) -> PairScores:
        """Scores of aligned pairs, each a list of one; every pair is verified, however far apart."""
        policy = replace(policy, order="relevance")
        if not self.encoder.ranks:
            policy = policy.without_relevance()
        entries = self.encoder.encode(queries, task="query", show_progress=show_progress)
        candidates = self.encoded(passages, show_progress)
        maxsims, relevances, pieces, close = [], [], [], []
        for query, text, passage, candidate in zip(queries, entries, passages, candidates, strict=True):
            found = self.compare(_checked(text, query), [candidate])
            maxsims.append(found.maxsim)
            relevances.append(self._relevance(found.maxsim, self._cosines(text, [candidate])))
            if self.verifier is not None:
                asked = self._asks(Text(query, None, text))
                pieces.append(self._readings(asked, Text(passage, None, candidate), found.closeness))
                close += closest([candidate], found.closeness).tolist()
        best, relevance = (
            torch.cat(column or [torch.zeros(0, dtype=torch.float32)]) for column in (maxsims, relevances)
        )
        judged = self._as_close(judge(self.verifier, passages, pieces) if self.verifier else [], close)
        pairs = zip(relevance[:, None], judged or [_UNREAD] * len(passages), strict=True)
        score = torch.cat([relevance[:0], *(self._scores(one, [by], policy, None)[0] for one, by in pairs)])
        verdicts = tuple(self._flagged([one.verdict for one in judged], policy))
        numbers = [column.double().numpy() for column in (best, relevance, score)]
        return PairScores(numbers[0], numbers[1], verdicts, numbers[2])

    def _verdicts(
        self,
        query: Text,
        passages: Sequence[Text],
        closeness: torch.Tensor,
        close: torch.Tensor,
        places: Sequence[int],
        denials: Denials,
    ) -> dict[int, Judged]:
        """Verdicts of the passages at some places; ``closeness`` and ``close`` are of all passages."""
        if self.verifier is None or not (asked := self._asks(query)):
            return dict.fromkeys(places, _UNREAD)
        counts = [len(passage.encoded.segments) for passage in passages]
        ends = list(accumulate(counts))
        found = [
            self._readings(asked, passages[place], closeness[:, ends[place] - counts[place] : ends[place]])
            for place in places
        ]
        judged = judge(self.verifier, [passages[place].text for place in places], found, denials)
        return dict(zip(places, self._as_close(judged, close[list(places)].tolist()), strict=True))

    def _asks(self, query: Text) -> list[Ask]:
        spans = [(start, stop) for start, stop, *_ in query.encoded.segments.tolist()]
        reads = frozenset[str]() if self.verifier is None else self.verifier.reads
        return [ask for ask in asks_of(query.text, spans) if ask.form in reads]

    def _readings(self, asked: list[Ask], passage: Text, closeness: torch.Tensor) -> list[Reading]:
        step()
        assert self.config is not None
        limits = self.config.verifier
        return readings(asked, passage, closeness, tokens=limits.window, windows=limits.windows)

    def _as_close(self, judged: Sequence[Judged], closeness: Sequence[float]) -> list[Judged]:
        """What was judged by its text, by its closeness, too."""
        return [
            one if self.config is None else one.at(distance, self.config.fusion)
            for one, distance in zip(judged, closeness, strict=True)
        ]

    def _flagged(self, verdicts: Sequence[Verdict], policy: Policy) -> list[Verdict]:
        """Verdicts that say whether they are near-misses."""
        if self.config is None:
            return list(verdicts)
        flags = self.config.fusion.flags(policy, [one.mismatch for one in verdicts])
        return [replace(one, near_miss=flag) for one, flag in zip(verdicts, flags, strict=True)]

    def _scores(
        self, before: torch.Tensor, judged: Sequence[Judged], policy: Policy, own: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What sorts, and which passages are near-misses, ``[n]``; scores of a retriever's own are kept."""
        if self.config is None:
            return before if own is None else own, torch.zeros(len(before), dtype=torch.bool)
        answered, mismatch = [one.answered for one in judged], [one.verdict.mismatch for one in judged]
        return self.config.fusion.after(policy, before, answered, mismatch, own)

    def _cosines(self, query: EncodedText, passages: Sequence[EncodedText]) -> torch.Tensor | None:
        """Of the pooled vectors, float32 ``[n]``; None where they are no part of the relevance."""
        none = self.config is None or self.encoder.pooling is None or self.config.pooled_weight == 0
        return None if none else torch.stack([passage.pooled for passage in passages]) @ query.pooled

    def _relevance(self, best: torch.Tensor, cosines: torch.Tensor | None) -> torch.Tensor:
        """float32 ``[n]`` on the CPU: MaxSim, mixed with the pooled cosine as the checkpoint says."""
        weight = 0.0 if self.config is None else self.config.pooled_weight
        return best if cosines is None else with_cosines(best, cosines, weight)


def _checked(encoded: EncodedText, query: str) -> EncodedText:
    if len(encoded.vectors) == 0:
        raise InputError(
            f"query {query!r:.80} has no token that the model's tokenizer knows: pass visible text"
        )
    return encoded
