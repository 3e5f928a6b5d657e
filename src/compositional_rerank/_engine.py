"""What a loaded reranker does: passages from the store or the encoder, then relevance, mismatch and score."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank.backends.precision import full_precision
from compositional_rerank.checkpoints.config import VERIFIER_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.errors import InputError, StoreError
from compositional_rerank.results import PairScores
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE
from compositional_rerank.store import FileStore, MemoryStore, TokenStore, quantise, token_key
from compositional_rerank.verification.cross_encoder import Verifier
from compositional_rerank.verification.evidence import Text, compare, suspects, verdicts

Judged = tuple[float, float, float | None, float | None, float]
"""MaxSim, relevance, closeness, mismatch and score of a passage."""


@dataclass(frozen=True, eq=False)
class Engine:
    """The loaded parts of a reranker. Safe to share between threads.

    Args:
        name: of the model, as the user calls it.
        encoder: makes token embeddings.
        store: keeps those of passages.
        config: of the checkpoint; None for plain MaxSim.
        verifier: reads suspects; None for plain MaxSim.
    """

    name: str
    encoder: TokenEncoder
    store: TokenStore
    config: CheckpointConfig | None = None
    verifier: Verifier | None = None

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the scores depend on."""
        settings = f"{self.encoder.fingerprint} {self.config}"
        return hashlib.sha256(settings.encode()).hexdigest()

    def query(self, text: str) -> Text:
        """A query with its token embeddings.

        Raises:
            InputError: the tokenizer knows none of its characters.
        """
        return Text(text, _checked(self.encoder.encode([text], task="query")[0], text))

    def encoded(
        self, passages: Sequence[str], show_progress: bool = False, *, must_keep: bool = False
    ) -> list[EncodedText]:
        """Token embeddings of passages, from the store where it has them; new ones are encoded and kept."""
        dtype = self.store.dtype
        keys = [token_key(self.encoder.fingerprint, text, dtype) for text in passages]
        found = dict(zip(keys, self._kept(keys), strict=True))
        missing = {key: text for key, text in zip(keys, passages, strict=True) if found[key] is None}
        if missing:
            encoded = self.encoder.encode(
                list(missing.values()), task="document", show_progress=show_progress
            )
            # with the store's precision already now, so that a passage scores the same at every query
            new = {key: quantise(entry, dtype) for key, entry in zip(missing, encoded, strict=True)}
            try:
                self.store.put(new)
            except StoreError as error:
                if must_keep:
                    raise
                warnings.warn(f"new passages are scored and not kept: {error}", RuntimeWarning, stacklevel=3)
            found.update(new)
        return [entry for key in keys if (entry := found[key]) is not None]

    def _kept(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
        """What the store has; a store that cannot be read, as a deleted one, has nothing."""
        try:
            return self.store.get(keys)
        except StoreError as error:
            warnings.warn(f"passages are encoded at every query: {error}", RuntimeWarning, stacklevel=4)
            return [None] * len(keys)

    @full_precision
    def judge(self, query: Text, texts: list[str]) -> list[Judged]:
        """MaxSim, relevance, closeness, mismatch and score of every text, in their order."""
        encoded = self.encoded(texts)
        compared = compare(query.encoded, encoded)
        relevance = self._relevance(compared.maxsim, query.encoded, encoded)
        if self.verifier is None or self.config is None:
            return [
                (best, value, None, None, value)
                for best, value in zip(compared.maxsim.tolist(), relevance.tolist(), strict=True)
            ]
        fusion = self.config.fusion
        found = suspects(
            query,
            [Text(text, entry) for text, entry in zip(texts, encoded, strict=True)],
            compared.closeness,
            least=fusion.least_closeness,
            most=self.config.verifier.segments,
        )
        verdict = verdicts(self.verifier, fusion, found)
        where = verdict.places
        penalised = fusion.score(relevance[where], verdict.closeness, verdict.mismatch)
        columns = (verdict.closeness.tolist(), verdict.mismatch.tolist(), penalised.tolist())
        verified = dict(zip(where.tolist(), zip(*columns, strict=True), strict=True))
        return [
            (best, value, *verified.get(place, (None, None, value)))
            for place, (best, value) in enumerate(
                zip(compared.maxsim.tolist(), relevance.tolist(), strict=True)
            )
        ]

    @full_precision
    def score_pairs(self, queries: list[str], passages: list[str], show_progress: bool) -> PairScores:
        """Scores of aligned pairs; every pair is verified, however far apart."""
        entries = self.encoder.encode(queries, task="query", show_progress=show_progress)
        candidates = self.encoded(passages, show_progress)
        compared = [
            compare(_checked(query, text), [candidate])
            for query, text, candidate in zip(entries, queries, candidates, strict=True)
        ]
        best = torch.cat([found.maxsim for found in compared] or [torch.zeros(0, dtype=torch.float32)])
        relevance = torch.cat(
            [
                self._relevance(found.maxsim, query, [candidate])
                for found, query, candidate in zip(compared, entries, candidates, strict=True)
            ]
            or [torch.zeros(0, dtype=torch.float32)]
        )
        if self.verifier is None or self.config is None:
            return PairScores(_float64(best), _float64(relevance), None, None, _float64(relevance))
        found = {
            place: sentences
            for place, (query, entry, text, passage, one) in enumerate(
                zip(queries, entries, passages, candidates, compared, strict=True)
            )
            for sentences in suspects(
                Text(query, entry),
                [Text(text, passage)],
                one.closeness,
                least=-1.0,
                most=self.config.verifier.segments,
            ).values()
        }
        verdict = verdicts(self.verifier, self.config.fusion, found)
        # a passage without a token cannot be read: no mismatch, and its relevance is the lowest there is
        mismatch = torch.zeros(len(queries), dtype=torch.float32).index_copy(
            0, verdict.places, verdict.mismatch
        )
        closeness = torch.full((len(queries),), -1.0, dtype=torch.float32)
        closeness.index_copy_(0, verdict.places, verdict.closeness)
        score = self.config.fusion.score(relevance, closeness, mismatch)
        return PairScores(*map(_float64, (best, relevance, closeness, mismatch, score)))

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
    model: str | None, device: str | None, backend: str, store: TokenStore | str | None
) -> Engine:
    """Load what the settings of a `CompositionalReranker` name."""
    shelf = FileStore(store) if isinstance(store, str) else store
    found = locate(model)
    encoder = TokenEncoder(found.base, device, backend, found.projection)
    verifier = None
    if found.config is not None and found.folder is not None:
        verifier = Verifier(
            found.base, found.folder / VERIFIER_FILE, found.config.verifier, encoder.device, backend
        )
    return Engine(found.name, encoder, MemoryStore() if shelf is None else shelf, found.config, verifier)


def _checked(encoded: EncodedText, query: str) -> EncodedText:
    if len(encoded.vectors) == 0:
        raise InputError(
            f"query {query!r:.80} has no token that the model's tokenizer knows: pass visible text"
        )
    return encoded


def _float64(values: torch.Tensor) -> NDArray[np.float64]:
    return values.double().numpy()
