"""CompositionalRanker: a ranker component over the core reranker."""

from __future__ import annotations

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
    ``relevance``, ``mismatch``, ``verdict`` (``"supports"``, ``"denies"``, ``"differs"`` or None),
    ``support`` and ``evidence`` (the characters of ``content`` that decided, as ``[start, stop]``, or None).
    A document without text, such as an image, ranks last.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder that keeps passages' token embeddings; None is memory.
        top_k: return this many of the best documents, at least 1; None returns all.
        min_score: drop documents whose score is below it; None drops none.
        max_mismatch: drop documents whose mismatch is above it, in [0, 1]; None drops none.
        denials: whether a document that denies the query is a near-miss: ``"auto"`` for everything but yes/no
            questions, ``"keep"`` never, ``"penalise"`` always.
        max_verified: how many documents are judged at most, at least 0; None is the model's own number.
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
        device: str | None = None,
        backend: str = "torch",
        store: str | None = None,
        top_k: int | None = None,
        min_score: float | None = None,
        max_mismatch: float | None = None,
        denials: Literal["auto", "keep", "penalise"] = "auto",
        max_verified: int | None = None,
        meta_prefix: str = "",
    ) -> None:
        self.reranker = CompositionalReranker(model, device=device, backend=backend, store=store)
        self.top_k = _count(top_k)
        self.meta_prefix = meta_prefix
        self.options: dict[str, Any] = {
            "min_score": min_score,
            "max_mismatch": max_mismatch,
            "denials": denials,
            "max_verified": max_verified,
        }
        self.reranker.rerank(
            "a query without passages checks the options, and loads nothing", [], top_k, **self.options
        )

    @classmethod
    def from_reranker(cls, reranker: CompositionalReranker, **settings: Any) -> CompositionalRanker:
        """Build the component around a core reranker, so that one model serves several of them.

        Args:
            reranker: the core reranker; a deserialised copy of the component loads it anew by its name.
            settings: arguments other than ``model``, ``device``, ``backend`` and ``store``.
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
        return {"documents": [self._scored_copy(documents[result.index], result) for result in ranking]}

    def _scored_copy(self, source: Document, result: RankedPassage) -> Document:
        scores = {
            "retrieval_score": result.retrieval_score,
            "relevance": result.relevance,
            "mismatch": result.mismatch,
            "verdict": result.verdict,
            "support": result.support,
            "evidence": None if result.evidence is None else list(result.evidence),
        }
        ours = {self.meta_prefix + name: value for name, value in scores.items()}
        return replace(source, score=result.score, meta={**source.meta, **ours})


def _count(top_k: object) -> int | None:
    if top_k is None:
        return None
    if isinstance(top_k, Integral) and not isinstance(top_k, bool) and int(top_k) >= 1:
        return int(top_k)
    raise InputError(f"top_k must be an int of at least 1, got {top_k!r:.40}; pass None for all documents")
