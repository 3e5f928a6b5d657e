"""CompositionalRanker: a ranker component over the core reranker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal

from haystack import Document, component, default_from_dict, default_to_dict

from compositional_rerank import CompositionalReranker, RankedPassage
from compositional_rerank.errors import InputError


@component
class CompositionalRanker:
    """Reorders documents by MaxSim relevance, less a penalty for structural near-misses.

    The documents that come in stay as they are. Each one that goes out is a copy with the same id: its
    ``score`` is what sorted it, and its ``meta`` hold ``retrieval_score`` (the score that came in),
    ``relevance``, ``mismatch``, ``near_miss``, ``verdict`` (``"supports"``, ``"denies"``, ``"differs"`` or
    None), ``support``, ``evidence`` (the characters of ``content`` that decided, as ``[start, stop]``, or
    None) and ``degraded``: what is missing, ``["timeout"]`` (the document kept its score) or
    ``["verifier"]``; else ``[]``. A document without text, such as an image, ranks last, unless
    ``order="retriever"`` keeps its place.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        encoder: name or folder of another encoder beside the verifier, or ``"none"``; None is the model's.
        verifier: name or folder of another verifier, or ``"none"``; None is the model's.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder, or address such as ``"redis://host:6379/0"``, of a store that keeps passages' token
            embeddings; None is memory.
        on_store_error: what a store means that does not work: ``"encode"`` without it, or ``"raise"``.
        on_missing_verifier: what a missing verifier means: ``"raise"``, or ``"maxsim"`` alone.
        top_k: return this many of the best documents, at least 1; None returns all.
        min_score: drop documents whose score is below it; None drops none.
        max_mismatch: drop documents whose mismatch is above it, in [0, 1]; None drops none.
        order: what verdicts change: ``"retriever"`` keeps the order and the scores that came in,
            ``"relevance"`` is the order of MaxSim, ``"mix"`` a mixture, ``"auto"`` as the core does.
        near_misses: what becomes of them: ``"demote"`` behind all that are none, ``"penalise"``, ``"drop"``
            or ``"mark"``.
        threshold: mismatch from which a document is a near-miss, in [0, 1]; ``"shipped"`` is the model's.
        denials: whether a document that denies the query is a near-miss: ``"auto"`` for everything but yes/no
            questions, ``"keep"`` never, ``"penalise"`` always.
        max_verified: how many documents are judged at most, at least 0; None is the model's own number.
        timeout: seconds that a query may take; None is no limit.
        on_timeout: what happens then: ``"raise"``, or ``"keep"``: the documents as they came in.
        meta_prefix: put before the keys, such as ``"rerank_"``, where your own meta have such keys.

    Raises:
        InputError: a value cannot be used.
        MissingDependencyError: OpenVINO is not installed.

    Example:
        >>> documents = [Document(content="Paris is in France."), Document(content="Goethe wrote Faust.")]
        >>> ranker = CompositionalRanker(top_k=1)
        >>> [document.content for document in ranker.run("Who wrote Faust?", documents)["documents"]]
        ['Goethe wrote Faust.']
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        encoder: str | None = None,
        verifier: str | None = None,
        device: str | None = None,
        backend: str = "torch",
        store: str | None = None,
        on_store_error: Literal["encode", "raise"] = "encode",
        on_missing_verifier: Literal["raise", "maxsim"] = "raise",
        top_k: int | None = None,
        min_score: float | None = None,
        max_mismatch: float | None = None,
        order: Literal["auto", "retriever", "mix", "relevance"] = "auto",
        near_misses: Literal["penalise", "demote", "drop", "mark"] = "demote",
        threshold: float | Literal["shipped"] = "shipped",
        denials: Literal["auto", "keep", "penalise"] = "auto",
        max_verified: int | None = None,
        timeout: float | None = None,
        on_timeout: Literal["raise", "keep"] = "raise",
        meta_prefix: str = "",
    ) -> None:
        self.reranker = CompositionalReranker(
            model,
            encoder=encoder,
            verifier=verifier,
            device=device,
            backend=backend,
            store=store,
            on_store_error=on_store_error,
            on_missing_verifier=on_missing_verifier,
        )
        self.top_k = _count(top_k)
        self.meta_prefix = meta_prefix
        self.options: dict[str, Any] = {
            "min_score": min_score,
            "max_mismatch": max_mismatch,
            "order": order,
            "near_misses": near_misses,
            "threshold": threshold,
            "denials": denials,
            "max_verified": max_verified,
            "timeout": timeout,
            "on_timeout": on_timeout,
        }
        self.reranker.rerank(
            "a query without passages checks the options, and loads nothing", [], top_k, **self.options
        )

    @classmethod
    def from_reranker(cls, reranker: CompositionalReranker, **settings: Any) -> CompositionalRanker:
        """Build the component around a core reranker, so that one model serves several of them.

        Args:
            reranker: the core reranker; a deserialised copy of the component loads it anew by its name.
            settings: arguments other than those that name the core reranker.
        """
        ranker = cls(**reranker.settings, **settings)
        ranker.reranker = reranker
        return ranker

    def warm_up(self) -> None:
        """Load the model, which otherwise the first query does."""
        _ = self.reranker.name

    def to_dict(self) -> dict[str, Any]:
        """The settings, without the model."""
        settings = {**self.reranker.settings, "top_k": self.top_k, **self.options}
        if settings["store"] is not None:
            settings["store"] = str(settings["store"])  # no subclass of str: YAML would refuse it
        return default_to_dict(self, **settings, meta_prefix=self.meta_prefix)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CompositionalRanker:
        """The component that `to_dict` described."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Rank documents for a query.

        Args:
            query: the question or statement; not blank.
            documents: the candidates; they are not changed.
            top_k: return this many of the best, at least 1; None is the component's own ``top_k``.

        Returns:
            ``{"documents": copies, best first}``.

        Raises:
            InputError: a value cannot be used; raised before any work starts.
        """
        for index, document in enumerate(documents):
            if not isinstance(document, Document):
                raise InputError(f"documents[{index}] must be a Document, got {type(document).__name__}")
        ranking = self.reranker.rerank(
            query,
            [document.content or "" for document in documents],
            self.top_k if top_k is None else _count(top_k),
            retrieval_scores=[document.score for document in documents],
            **self.options,
        )
        copies = [self._scored_copy(documents[result.index], result, ranking.degraded) for result in ranking]
        return {"documents": copies}

    def _scored_copy(self, source: Document, result: RankedPassage, degraded: Sequence[str]) -> Document:
        scored = not math.isnan(result.score)
        scores = {
            "retrieval_score": result.retrieval_score,
            "relevance": result.relevance if scored else None,
            "mismatch": result.mismatch,
            "near_miss": result.near_miss,
            "verdict": result.verdict,
            "support": result.support,
            "evidence": None if result.evidence is None else list(result.evidence),
            "degraded": list(degraded),
        }
        ours = {self.meta_prefix + name: value for name, value in scores.items()}
        return replace(source, score=result.score if scored else source.score, meta={**source.meta, **ours})


def _count(top_k: object) -> int | None:
    if top_k is None:
        return None
    if isinstance(top_k, Integral) and not isinstance(top_k, bool) and int(top_k) >= 1:
        return int(top_k)
    raise InputError(f"top_k must be an int of at least 1, got {top_k!r:.40}; pass None for all documents")
