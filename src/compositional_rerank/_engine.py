"""What a loaded reranker does: passages from the store or the encoder, then relevance, verdict and score."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank.backends.precision import full_precision
from compositional_rerank.checkpoints.config import VERIFIER_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.errors import CheckpointError, InputError
from compositional_rerank.results import Degradation, PairScores, RankedPassage, Verdict
from compositional_rerank.scoring.calibration import Denials
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE
from compositional_rerank.store import MemoryStore, Shelf, TokenStore, open_store
from compositional_rerank.store.shelf import OnStoreError
from compositional_rerank.verification.asks import Ask, asks_of
from compositional_rerank.verification.cross_encoder import Verifier
from compositional_rerank.verification.evidence import (
    Reading,
    Text,
    closest,
    compare,
    readings,
    to_read,
)
from compositional_rerank.verification.same_question import same_questions
from compositional_rerank.verification.verdicts import Judged
from compositional_rerank.verification.verdicts import verdicts as judge

Candidate = tuple[str, tuple[int, int] | None]
"""A passage, and which of its characters may be evidence: None for all of them."""


@dataclass(frozen=True)
class Policy:
    """What a caller decides about verdicts: see `CompositionalReranker.rerank`."""

    denials: Denials = "auto"
    max_verified: int | None = None


@dataclass(frozen=True, eq=False)
class Engine:
    """The loaded parts of a reranker. Safe to share between threads.

    Args:
        name: of the model, as the user calls it.
        encoder: makes token embeddings.
        store: keeps those of passages.
        config: of the checkpoint; None for plain MaxSim.
        verifier: reads suspects; None for plain MaxSim, and where it is missing and the caller goes without.
        on_store_error: see `Shelf`.
    """

    name: str
    encoder: TokenEncoder
    store: TokenStore
    config: CheckpointConfig | None = None
    verifier: Verifier | None = None
    on_store_error: OnStoreError = "encode"
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelf", Shelf(self.encoder, self.store, self.on_store_error))

    @property
    def degraded(self) -> tuple[Degradation, ...]:
        """What every ranking does without that the checkpoint has."""
        return () if self.config is None or self.verifier is not None else ("verifier",)

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the scores depend on."""
        settings = f"{self.encoder.fingerprint} {self.config} {' '.join(self.degraded)}".rstrip()
        return hashlib.sha256(settings.encode()).hexdigest()

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
            raise InputError(f"{self.name} has no verifier: load a checkpoint of this library")
        return self.verifier

    def same_questions(self, cached: list[str], new: list[str]) -> list[Verdict]:
        """Verdicts of aligned pairs of questions."""
        return same_questions(self.need_verifier(), cached, new)

    def encoded(
        self, passages: Sequence[str], show_progress: bool = False, *, must_keep: bool = False
    ) -> list[EncodedText]:
        """Token embeddings of passages, from the store where it has them; new ones are encoded and kept."""
        return self.shelf.encoded(passages, show_progress, must_keep=must_keep)

    def rank(
        self, query: Text, candidates: Sequence[Candidate], given: Sequence[float | None], policy: Policy
    ) -> list[RankedPassage]:
        """Every candidate with its scores and verdict, best first."""
        # Equal texts are scored once: the same sum at another place of a batch may differ in its last bit,
        # and the texts would trade places with their twins.
        unique = list(dict.fromkeys(candidates))
        judged = dict(zip(unique, self._judged(query, unique, policy), strict=True))
        results = [
            dataclasses.replace(judged[candidate], index=index, retrieval_score=given[index])
            for index, candidate in enumerate(candidates)
        ]
        return sorted(results, key=lambda result: -result.score)

    @full_precision
    def _judged(self, query: Text, passages: Sequence[Candidate], policy: Policy) -> list[RankedPassage]:
        encoded = self.encoded([text for text, _ in passages])
        compared = compare(query.encoded, encoded)
        relevance = self._relevance(compared.maxsim, query.encoded, encoded)
        verdicts: dict[int, Judged] = {}
        close = closest(encoded, compared.closeness)
        if self.config is not None and self.verifier is not None:
            limits = self.config.verifier
            places = to_read(
                relevance,
                close,
                least=self.config.fusion.least_closeness,
                first=limits.first,
                most=limits.max_verified if policy.max_verified is None else policy.max_verified,
            )
            texts = [Text(*passage, entry) for passage, entry in zip(passages, encoded, strict=True)]
            verdicts = self._verdicts(query, texts, compared.closeness, places, policy.denials)
        scores = self._scores(relevance, verdicts)
        columns = zip(*(one.tolist() for one in (compared.maxsim, relevance, close, scores)), strict=True)
        results = []
        for place, (best, value, nearest, score) in enumerate(columns):
            one = verdicts[place].verdict if place in verdicts else Verdict()
            results.append(
                RankedPassage(
                    index=place,
                    text=passages[place][0],
                    retrieval_score=None,
                    maxsim=best,
                    relevance=value,
                    closeness=None if one.mismatch is None else nearest,
                    verdict=one.verdict,
                    support=one.support,
                    mismatch=one.mismatch,
                    evidence=one.evidence,
                    score=score,
                )
            )
        return results

    @full_precision
    def verify(self, query: Text, passages: Sequence[Candidate], denials: Denials) -> list[Verdict]:
        """Verdicts of all passages, however far they are from the query."""
        unique = list(dict.fromkeys(passages))
        encoded = self.encoded([text for text, _ in unique])
        compared = compare(query.encoded, encoded)
        texts = [Text(*passage, entry) for passage, entry in zip(unique, encoded, strict=True)]
        found = self._verdicts(query, texts, compared.closeness, range(len(texts)), denials)
        verdicts = {passage: found[place].verdict for place, passage in enumerate(unique)}
        return [verdicts[passage] for passage in passages]

    @full_precision
    def score_pairs(self, queries: list[str], passages: list[str], show_progress: bool) -> PairScores:
        """Scores of aligned pairs; every pair is verified, however far apart."""
        entries = self.encoder.encode(queries, task="query", show_progress=show_progress)
        candidates = self.encoded(passages, show_progress)
        maxsims, relevances, pieces = [], [], []
        for query, text, passage, candidate in zip(queries, entries, passages, candidates, strict=True):
            found = compare(_checked(text, query), [candidate])
            maxsims.append(found.maxsim)
            relevances.append(self._relevance(found.maxsim, text, [candidate]))
            if self.verifier is not None:
                asked = self._asks(Text(query, None, text))
                pieces.append(self._readings(asked, Text(passage, None, candidate), found.closeness))
        best, relevance = (
            torch.cat(column or [torch.zeros(0, dtype=torch.float32)]) for column in (maxsims, relevances)
        )
        judged = [] if self.verifier is None else judge(self.verifier, passages, pieces)
        score = self._scores(relevance, dict(enumerate(judged)))
        verdicts = tuple(one.verdict for one in judged)
        return PairScores(_float64(best), _float64(relevance), verdicts, _float64(score))

    def _verdicts(
        self,
        query: Text,
        passages: Sequence[Text],
        closeness: torch.Tensor,
        places: Iterable[int],
        denials: Denials,
    ) -> dict[int, Judged]:
        """Verdicts of the passages at some places; ``closeness`` is of all passages."""
        places = list(places)
        asked = self._asks(query)
        if self.verifier is None or not asked:
            return dict.fromkeys(places, Judged(Verdict(), 0.0))
        counts = [len(passage.encoded.segments) for passage in passages]
        ends = list(accumulate(counts))
        found = [
            self._readings(asked, passages[place], closeness[:, ends[place] - counts[place] : ends[place]])
            for place in places
        ]
        texts = [passages[place].text for place in places]
        return dict(zip(places, judge(self.verifier, texts, found, denials), strict=True))

    def _asks(self, query: Text) -> list[Ask]:
        return asks_of(query.text, [(start, stop) for start, stop, *_ in query.encoded.segments.tolist()])

    def _readings(self, asked: list[Ask], passage: Text, closeness: torch.Tensor) -> list[Reading]:
        assert self.config is not None
        limits = self.config.verifier
        return readings(asked, passage, closeness, tokens=limits.window, windows=limits.windows)

    def _scores(self, relevance: torch.Tensor, verdicts: Mapping[int, Judged]) -> torch.Tensor:
        """What sorts: relevance, and where there is a verdict what it adds and takes."""
        judged = {place: one for place, one in verdicts.items() if one.verdict.mismatch is not None}
        if self.config is None or not judged:
            return relevance
        where = torch.tensor(list(judged), dtype=torch.int64)
        answered, wrong = (
            torch.tensor(values, dtype=torch.float32)
            for values in zip(*((one.answered, one.verdict.mismatch) for one in judged.values()), strict=True)
        )
        return relevance.index_copy(0, where, self.config.fusion.score(relevance[where], answered, wrong))

    def _relevance(
        self, best: torch.Tensor, query: EncodedText, passages: Sequence[EncodedText]
    ) -> torch.Tensor:
        """float32 ``[n]`` on the CPU: MaxSim, mixed with the pooled cosine as the checkpoint says."""
        weight = 0.0 if self.config is None else self.config.pooled_weight
        if weight == 0:
            return best
        cosines = torch.stack([passage.pooled for passage in passages]) @ query.pooled
        mixed = ((1 - weight) * best + weight * cosines).clamp_(-1.0, 1.0)
        return torch.where(best > EMPTY_RELEVANCE, mixed, best)


def load_engine(
    model: str | None,
    device: str | None,
    backend: str,
    store: TokenStore | str | None,
    on_store_error: OnStoreError = "encode",
    on_missing_verifier: str = "raise",
) -> Engine:
    """Load what the settings of a `CompositionalReranker` name."""
    opened = open_store(store) if isinstance(store, str) else store
    found = locate(model, check_verifier=on_missing_verifier == "raise")
    encoder = TokenEncoder(found.base, device, backend, found.projection)
    verifier = None
    if found.config is not None and found.folder is not None:
        file = found.folder / VERIFIER_FILE
        try:
            if on_missing_verifier != "raise":
                found.config.check_file(file)
            verifier = Verifier(found.base, file, found.config.verifier, encoder.device, backend)
        except CheckpointError as error:
            if on_missing_verifier == "raise":
                raise
            warnings.warn(f"{found.name} ranks by MaxSim alone: {error}", RuntimeWarning, stacklevel=2)
    opened = MemoryStore() if opened is None else opened
    return Engine(found.name, encoder, opened, found.config, verifier, on_store_error)


def _checked(encoded: EncodedText, query: str) -> EncodedText:
    if len(encoded.vectors) == 0:
        raise InputError(
            f"query {query!r:.80} has no token that the model's tokenizer knows: pass visible text"
        )
    return encoded


def _float64(values: torch.Tensor) -> NDArray[np.float64]:
    return values.double().numpy()
