"""The systems that an audit compares, behind one way of scoring pairs of texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compositional_rerank.audit.cache import Embedder, EmbeddingCache
from compositional_rerank.audit.cross_encoder import CrossEncoderSystem
from compositional_rerank.audit.metrics import Floats
from compositional_rerank.audit.verdicts import Verdicts
from compositional_rerank.results import PairScores, RankedPassage
from compositional_rerank.scoring.policy import Policy

if TYPE_CHECKING:
    from compositional_rerank.reranker import CompositionalReranker

_CHUNK = 128  # pairs scored between two steps of the progress bar


@dataclass(frozen=True, eq=False)
class SystemScores:
    """One system's scores of n pairs.

    Attributes:
        scores: higher is closer, [n].
        verdicts: what the verifier says, [n]; None without a verifier. A pair that cannot be judged has a
            score by relevance alone.
    """

    scores: Floats
    verdicts: Verdicts | None = None


@dataclass(frozen=True)
class Systems:
    """The loaded models of one audit, two of them optional, and how `two_stage` ranks."""

    embedder: Embedder
    reranker: CompositionalReranker
    cache: EmbeddingCache
    against: Embedder | None = None
    cross_encoder: CrossEncoderSystem | None = None
    policy: Policy = field(default_factory=Policy)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the systems, in the order of the report."""
        names = ["cosine", "maxsim", "relevance", "two_stage"]
        if self.against is not None:
            names.append("against")
        if self.cross_encoder is not None:
            names.append("cross_encoder")
        return tuple(names)

    def score_pairs(
        self, texts1: Sequence[str], texts2: Sequence[str], label: str
    ) -> dict[str, SystemScores]:
        """Score n aligned pairs with every system; the first text of a pair is read as the query.

        Args:
            texts1: n texts.
            texts2: n texts.
            label: what the progress bars say.

        Returns:
            System name -> scores.
        """
        found = {"cosine": SystemScores(self._cosine(self.embedder, texts1, texts2, f"{label}: cosine"))}
        pairs = self._both_stages(texts1, texts2, f"{label}: two stages")
        found["maxsim"], found["relevance"] = SystemScores(pairs.maxsim), SystemScores(pairs.relevance)
        found["two_stage"] = SystemScores(pairs.score, self._verdicts(pairs))
        if self.against is not None:
            found["against"] = SystemScores(self._cosine(self.against, texts1, texts2, f"{label}: against"))
        if self.cross_encoder is not None:
            found["cross_encoder"] = SystemScores(
                self.cross_encoder.score(list(zip(texts1, texts2, strict=True)), f"{label}: cross-encoder")
            )
        return found

    @property
    def threshold(self) -> float | None:
        """Mismatch from which `two_stage` takes a passage for a near-miss; None without a verifier."""
        shipped, chosen = self.reranker.threshold, self.policy.threshold
        return shipped if shipped is None or isinstance(chosen, str) else chosen

    def rerank(
        self,
        query: str,
        texts: Sequence[str],
        scores: Sequence[float] | None = None,
        own_text: Sequence[tuple[int, int]] | None = None,
        *,
        whole: bool = False,
    ) -> tuple[RankedPassage, ...]:
        """What `two_stage` makes of a list, as the reranker is used.

        Args:
            query: the query.
            texts: its candidates, best first.
            scores: what stage one gave, one for each; None where there was none.
            own_text: which characters of each may be evidence; None is all of them.
            whole: what the policy drops stands last instead.
        """
        policy = self.policy
        return self.reranker.rerank(
            query,
            texts,
            retrieval_scores=scores,
            own_text=own_text,
            order=policy.order,
            near_misses="demote" if whole and policy.near_misses == "drop" else policy.near_misses,
            threshold=policy.threshold,
        ).results

    def verify(self, queries: Sequence[str], passages: Sequence[str], label: str) -> Verdicts | None:
        """Verdicts of n aligned pairs; None without a verifier.

        Args:
            queries: n questions or statements.
            passages: n texts.
            label: what the progress bar says.
        """
        if self.reranker.verifier is None:
            return None
        return self._verdicts(self._both_stages(queries, passages, label))

    def _verdicts(self, pairs: PairScores) -> Verdicts | None:
        return None if self.reranker.verifier is None else Verdicts.of(pairs.verdicts)

    def _both_stages(self, texts1: Sequence[str], texts2: Sequence[str], label: str) -> PairScores:
        from tqdm import tqdm

        found = []
        with tqdm(total=len(texts1), desc=label, unit="pair", disable=None) as bar:
            for start in range(0, len(texts1), _CHUNK):
                part = slice(start, start + _CHUNK)
                found.append(
                    self.reranker.score_pairs(
                        texts1[part],
                        texts2[part],
                        near_misses=self.policy.near_misses,
                        threshold=self.policy.threshold,
                    )
                )
                bar.update(len(found[-1].score))
        return PairScores(
            maxsim=np.concatenate([one.maxsim for one in found]),
            relevance=np.concatenate([one.relevance for one in found]),
            verdicts=tuple(verdict for one in found for verdict in one.verdicts),
            score=np.concatenate([one.score for one in found]),
        )

    def _cosine(self, embedder: Embedder, texts1: Sequence[str], texts2: Sequence[str], label: str) -> Floats:
        first, places1 = _distinct(texts1)
        second, places2 = _distinct(texts2)
        vectors1 = self.cache.vectors(embedder, first, "query", label)
        vectors2 = self.cache.vectors(embedder, second, "document", label)
        cosine: Floats = np.einsum("nd,nd->n", vectors1[places1], vectors2[places2], dtype=np.float64)
        return cosine


@dataclass(frozen=True)
class _Fingerprinted:
    """An embedder whose fingerprint also covers its sensitivity."""

    model: Any
    name: str
    fingerprint: str

    def encode_query(self, queries: Sequence[str]) -> Any:
        return self.model.encode_query(list(queries))

    def encode_document(self, documents: Sequence[str]) -> Any:
        return self.model.encode_document(list(documents))


def load_systems(
    model: str | None,
    cache: EmbeddingCache,
    *,
    encoder: str | None = None,
    verifier: str | None = None,
    against: str | None = None,
    cross_encoder: str | None = None,
    sensitivity: float | None = None,
    device: str | None = None,
    backend: str = "torch",
    store: Path | str | None = None,
    policy: Policy | None = None,
) -> Systems:
    """Load what an audit compares.

    Args:
        model: model or checkpoint for both stages; None is the shipped default.
        cache: where embeddings are kept.
        encoder: another encoder than the model's, for both stages; a late-interaction model for stage two.
        verifier: another verifier than the model's.
        against: a second embedding model; with a sensitivity above 0, None is the first model once more.
        cross_encoder: a sentence-transformers CrossEncoder.
        sensitivity: weight of the structural part in `against`, in [0, 1]; `cosine` is always without.
        device: torch device name; None picks an accelerator where there is one.
        backend: what computes stage two.
        store: folder or address of a store for token vectors; None is memory.
        policy: how `two_stage` ranks; None is the default.

    Raises:
        ModelNotFoundError: no place has one of the models.
        CheckpointError: a model's files are unsafe or damaged.
    """
    from compositional_rerank.encoding.modules import embedding_model
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.store import MemoryStore

    compared = against is not None or bool(sensitivity)
    return Systems(
        embedder=load_embedder(embedding_model(model, encoder), device),
        reranker=CompositionalReranker.from_pretrained(
            model,
            encoder=encoder,
            verifier=verifier,
            device=device,
            backend=backend,
            store=MemoryStore(token_store_bytes()) if store is None else store,
        ),
        cache=cache,
        against=load_embedder(against or embedding_model(model, encoder), device, sensitivity or 0.0)
        if compared
        else None,
        cross_encoder=None if cross_encoder is None else CrossEncoderSystem(cross_encoder, device),
        policy=policy or Policy(),
    )


def load_embedder(name: str | None, device: str | None = None, sensitivity: float = 0.0) -> Embedder:
    """Load an embedding model whose fingerprint covers all that its vectors depend on."""
    from compositional_rerank.encoding.embedder import StructuralEmbedder

    model = StructuralEmbedder.from_pretrained(name, device=device, sensitivity=sensitivity)
    label = f"{model.name} at sensitivity {sensitivity:g}" if sensitivity else model.name
    return _Fingerprinted(model, label, f"{model.fingerprint} sensitivity={model.sensitivity}")


def token_store_bytes() -> int:
    """Memory for candidates' token vectors: a quarter of the machine's, between 1 and 8 GiB."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        total = 0
    return min(max(total // 4, 1 << 30), 8 << 30)


def _distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]]]:
    """The distinct texts in order of appearance, and for each text its place among them, [n]."""
    place: dict[str, int] = {}
    places = [place.setdefault(text, len(place)) for text in texts]
    return list(place), np.asarray(places, dtype=np.int64)
