"""CompositionalReranker: encode the query, fetch the candidates' token vectors, score, rank."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from compositional_rerank._validation import (
    check_bound,
    check_count,
    check_query,
    check_retrieval_scores,
    check_texts,
)
from compositional_rerank.config import VERIFIER_FILE, CheckpointConfig, locate
from compositional_rerank.encoder import EncodedText, TokenEncoder
from compositional_rerank.errors import InputError, StoreError
from compositional_rerank.graph import check_backend
from compositional_rerank.ranking import PairScores, RankedPassage, Ranking
from compositional_rerank.scoring.maxsim import EMPTY_RELEVANCE
from compositional_rerank.store import FileStore, MemoryStore, TokenStore, quantise, token_key
from compositional_rerank.verification import Text, compare, suspects, verdicts
from compositional_rerank.verifier import Verifier


class CompositionalReranker:
    """Ranks passages by MaxSim relevance, less a penalty for structural near-misses.

    Build it with `from_pretrained`. One object serves any number of threads.

    Example:
        >>> reranker = CompositionalReranker.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        >>> ranking = reranker.rerank("Who wrote Faust?", ["Paris is in France.", "Goethe wrote Faust."])
        >>> [result.index for result in ranking]
        [1, 0]
    """

    def __init__(
        self,
        encoder: TokenEncoder,
        *,
        name: str,
        store: TokenStore | None = None,
        config: CheckpointConfig | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        self.encoder = encoder
        self.name = name
        self.store = MemoryStore() if store is None else store
        self.config = config
        self.verifier = verifier

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | None = None,
        *,
        device: str | None = None,
        backend: str = "torch",
        store: TokenStore | str | os.PathLike[str] | None = None,
    ) -> CompositionalReranker:
        """Load a reranker.

        Args:
            name_or_path: a checkpoint of this library, or any sentence-transformers model for plain MaxSim;
                None is the shipped default.
            device: torch device name; None picks an accelerator where there is one.
            backend: what runs the networks: ``"torch"``, float32 for token vectors; or ``"openvino"``, on the
                CPU, bfloat16 where it is native. The first use of a model with OpenVINO exports it.
            store: where passages' token vectors are kept: a store, or the folder of a `FileStore`; None is a
                `MemoryStore` of 1 GiB.

        Raises:
            ModelNotFoundError: no place has the model.
            CheckpointError: the model's files are unsafe or damaged, or OpenVINO cannot run it.
            InputError: the backend is unknown, or cannot use the device.
            MissingDependencyError: OpenVINO is not installed.
            StoreError: the folder cannot be used as a store.
        """
        if isinstance(store, (str, os.PathLike)):
            store = FileStore(store)
        check_backend(backend, device)
        found = locate(name_or_path)
        encoder = TokenEncoder(found.base, device, backend, found.projection)
        verifier = None
        if found.config is not None and found.folder is not None:
            verifier = Verifier(
                found.base, found.folder / VERIFIER_FILE, found.config.verifier, encoder.device, backend
            )
        return cls(encoder, name=found.name, store=store, config=found.config, verifier=verifier)

    @property
    def threshold(self) -> float | None:
        """Mismatch from which a passage counts as a near-miss; None without a verifier."""
        return None if self.config is None else self.config.fusion.threshold

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the scores depend on."""
        settings = f"{self.encoder.fingerprint} {self.config}"
        return hashlib.sha256(settings.encode()).hexdigest()

    def rerank(
        self,
        query: str,
        passages: Sequence[str],
        top_n: int | None = None,
        *,
        retrieval_scores: Sequence[float | None] | None = None,
        min_score: float | None = None,
        max_mismatch: float | None = None,
    ) -> Ranking:
        """Rank passages for a query. Nothing is dropped unless one of the three cuts is asked for.

        Args:
            query: the question or statement; not blank.
            passages: candidates of any length; an empty list and blank passages are fine.
            top_n: keep this many of the best, at least 1; None keeps all.
            retrieval_scores: what the retriever gave, one for each passage; carried along, never used.
            min_score: drop passages whose score is below it; None drops none.
            max_mismatch: drop passages whose mismatch, in [0, 1], is above it; unverified ones stay.

        Returns:
            The `Ranking`, best first.

        Raises:
            InputError: a value cannot be used; raised before any work starts.
        """
        query = check_query(query)
        texts = check_texts(passages, "passages")
        top_n = check_count(top_n, "top_n")
        min_score = check_bound(min_score, "min_score", -1e6, 1e6)
        max_mismatch = check_bound(max_mismatch, "max_mismatch", 0.0, 1.0)
        given = check_retrieval_scores(retrieval_scores, len(texts))
        if not texts:
            return Ranking(query, ())
        encoded_query = self._checked_query(self.encoder.encode([query], task="query")[0], query)
        # Equal texts are scored once: the same sum at another place of a batch may differ in its last bit,
        # and the texts would trade places with their twins.
        unique = list(dict.fromkeys(texts))
        judged = dict(zip(unique, self._judge(Text(query, encoded_query), unique), strict=True))
        results = [
            RankedPassage(index, text, given[index], *judged[text]) for index, text in enumerate(texts)
        ]
        kept = [
            result
            for result in sorted(results, key=lambda result: -result.score)
            if (min_score is None or result.score >= min_score)
            and (max_mismatch is None or result.mismatch is None or result.mismatch <= max_mismatch)
        ]
        return Ranking(query, tuple(kept[:top_n]))

    def score_pairs(
        self, texts1: Sequence[str], texts2: Sequence[str], *, show_progress: bool = False
    ) -> PairScores:
        """Score aligned pairs; each text of ``texts1`` is read as the query of its pair.

        Args:
            texts1: ``n`` queries, none of them blank.
            texts2: ``n`` passages.
            show_progress: whether to draw progress bars on stderr.

        Raises:
            InputError: the lists differ in length, or a text cannot be used.
        """
        queries = [check_query(text) for text in check_texts(texts1, "texts1")]
        passages = check_texts(texts2, "texts2")
        if len(queries) != len(passages):
            raise InputError(
                f"texts1 has {len(queries)} texts and texts2 has {len(passages)}: pass aligned lists"
            )
        encoded = self.encoder.encode(queries, task="query", show_progress=show_progress)
        candidates = self._encoded(passages, show_progress)
        compared = [
            compare(self._checked_query(query, text), [candidate])
            for query, text, candidate in zip(encoded, queries, candidates, strict=True)
        ]
        relevance = torch.cat(
            [
                self._relevance(found.relevance, query, [candidate])
                for found, query, candidate in zip(compared, encoded, candidates, strict=True)
            ]
            or [torch.zeros(0)]
        )
        if self.verifier is None or self.config is None:
            return PairScores(_float64(relevance), None, None, _float64(relevance))
        found = {
            place: sentences
            for place, (query, entry, text, passage, one) in enumerate(
                zip(queries, encoded, passages, candidates, compared, strict=True)
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
        mismatch = torch.zeros(len(queries)).index_copy(0, verdict.places, verdict.mismatch)
        closeness = torch.full((len(queries),), -1.0).index_copy(0, verdict.places, verdict.closeness)
        score = self.config.fusion.score(relevance, closeness, mismatch)
        return PairScores(_float64(relevance), _float64(closeness), _float64(mismatch), _float64(score))

    def encode_passages(self, passages: Sequence[str], *, show_progress: bool = False) -> list[EncodedText]:
        """Token vectors of passages, from the store where it has them; new ones are encoded once and kept.

        Args:
            passages: any texts; equal ones are encoded once.
            show_progress: whether to draw a progress bar on stderr.

        Returns:
            One `EncodedText` per passage, in their order.

        Raises:
            StoreError: the store could not keep the new ones.
        """
        return self._encoded(passages, show_progress, must_keep=True)

    def _encoded(
        self, passages: Sequence[str], show_progress: bool = False, *, must_keep: bool = False
    ) -> list[EncodedText]:
        dtype = self.store.dtype
        keys = [token_key(self.encoder.fingerprint, text, dtype) for text in passages]
        found = dict(zip(keys, self.store.get(keys), strict=True))
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

    def _judge(
        self, query: Text, texts: list[str]
    ) -> Iterator[tuple[float, float | None, float | None, float]]:
        """Relevance, closeness, mismatch and score of every text, in their order."""
        encoded = self._encoded(texts)
        compared = compare(query.encoded, encoded)
        relevance = self._relevance(compared.relevance, query.encoded, encoded)
        if self.verifier is None or self.config is None:
            for value in relevance.tolist():
                yield value, None, None, value
            return
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
        for index, value in enumerate(relevance.tolist()):
            closeness, mismatch, score = verified.get(index, (None, None, value))
            yield value, closeness, mismatch, score

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

    @staticmethod
    def _checked_query(encoded: EncodedText, query: str) -> EncodedText:
        if len(encoded.vectors) == 0:
            raise InputError(
                f"query {query!r:.80} has no token that the model's tokenizer knows: pass visible text"
            )
        return encoded


def _float64(values: torch.Tensor) -> NDArray[np.float64]:
    return values.double().numpy()
