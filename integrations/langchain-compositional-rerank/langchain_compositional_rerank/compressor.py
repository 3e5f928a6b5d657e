"""CompositionalReranker: a document compressor over the core reranker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field

from compositional_rerank import RankedPassage, Ranking
from compositional_rerank.errors import InputError
from langchain_compositional_rerank.scores import in_metadata, number
from langchain_compositional_rerank.settings import Count, Most, RerankerSettings, checked


class CompositionalReranker(RerankerSettings, BaseDocumentCompressor):
    """Reorders documents by MaxSim relevance, less a penalty for structural near-misses.

    The documents that come in stay as they are. Each one that goes out is a copy with the same id whose
    metadata hold ``relevance_score`` (the score that sorted it), ``retrieval_score``, ``relevance``,
    ``mismatch``, ``near_miss``, ``verdict`` (``"supports"``, ``"denies"``, ``"differs"`` or None),
    ``support``, ``evidence`` (the characters of ``page_content`` that decided, as ``[start, stop]``, or
    None) and ``degraded``: what is missing, ``["timeout"]`` (unscored) or ``["verifier"]``; else ``[]``. What
    an earlier stage left under these keys is replaced. Where your own metadata have such keys, give ours a
    ``metadata_prefix``.

    The model is loaded at the first query. To share a loaded one, use `from_reranker`.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        encoder: name or folder of another encoder beside the verifier, or ``"none"``; None is the model's.
        verifier: name or folder of another verifier, or ``"none"``; None is the model's.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder, or address such as ``"redis://host:6379/0"``, of a store that keeps passages' token
            vectors, as `CompositionalWarmer` fills it; None is memory.
        on_store_error: what a store means that does not work: ``"encode"`` without it, or ``"raise"``.
        on_missing_verifier: what a missing verifier means: ``"raise"``, or ``"maxsim"`` alone.
        top_n: return this many of the best documents, at least 1; None returns all.
        min_score: drop documents whose score is below it; None drops none.
        max_mismatch: drop documents whose mismatch is above it, in [0, 1]; None drops none.
        order: what verdicts change: ``"retriever"`` keeps the order and the scores that came in,
            ``"relevance"`` is the order of MaxSim, ``"mix"`` a mixture of both, ``"auto"`` that mixture,
            or the relevance where there are no scores and the list seems to be in no order.
        near_misses: what becomes of them: ``"demote"`` puts them behind all that are none, ``"penalise"``
            only lowers their scores, ``"drop"`` leaves them out, ``"mark"`` leaves them where they are.
        threshold: mismatch from which a document is a near-miss, in [0, 1]; ``"shipped"`` is the model's.
        denials: whether a document that denies the query is a near-miss: ``"auto"`` for everything but yes/no
            questions, ``"keep"`` never, ``"penalise"`` always.
        max_verified: how many documents are judged at most, at least 0; None is the model's own number.
        timeout: seconds that a query may take; None is no limit.
        on_timeout: what happens then: ``"raise"``, or ``"keep"``: the documents as they came in, unscored.
        retrieval_score_key: metadata key under which the retriever leaves its score, higher is better; None
            looks for the usual ones, ``"score"`` or ``"distance"`` among them. Without, the documents' places
            in the list count. A value that is no number stays in the metadata and is not used.
        metadata_prefix: put before the keys, such as ``"rerank_"``.

    Example:
        >>> reranker = CompositionalReranker(top_n=1)
        >>> documents = [Document("Paris is in France."), Document("Goethe wrote Faust.")]
        >>> [document.page_content for document in reranker.compress_documents(documents, "Who wrote Faust?")]
        ['Goethe wrote Faust.']
    """

    top_n: Count | None = None
    min_score: Annotated[float, Field(strict=True, ge=-1e6, le=1e6)] | None = None
    max_mismatch: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    order: Literal["auto", "retriever", "mix", "relevance"] = "auto"
    near_misses: Literal["penalise", "demote", "drop", "mark"] = "demote"
    threshold: Annotated[float, Field(strict=True, ge=0, le=1)] | Literal["shipped"] = "shipped"
    denials: Literal["auto", "keep", "penalise"] = "auto"
    max_verified: Most | None = None
    retrieval_score_key: str | None = None
    metadata_prefix: str = ""
    timeout: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    on_timeout: Literal["raise", "keep"] = "raise"

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Rerank documents for a query.

        Args:
            documents: the candidates; they are not changed.
            query: the question or statement; not blank.
            callbacks: part of LangChain's interface; reranking calls none.

        Returns:
            Copies of the documents, best first.

        Raises:
            InputError: a value cannot be used; raised before any work starts.
        """
        sources = checked(documents)
        return self.ranked(sources, query, in_metadata(sources, self.retrieval_score_key))

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """The same in a thread; a task that is cancelled stops computing at its next batch."""
        sources = checked(documents)
        return await self.aranked(sources, query, in_metadata(sources, self.retrieval_score_key))

    def ranked(
        self, documents: Sequence[Document], query: str, scores: Sequence[float | None] | None
    ) -> list[Document]:
        """`compress_documents` of documents whose scores stand beside them; None has none."""
        texts = [document.page_content for document in documents]
        return self._scored(documents, self.core.rerank(query, texts, **self._options(scores)))

    async def aranked(
        self, documents: Sequence[Document], query: str, scores: Sequence[float | None] | None
    ) -> list[Document]:
        """`acompress_documents` of documents whose scores stand beside them; None has none."""
        texts = [document.page_content for document in documents]
        return self._scored(documents, await self.core.arerank(query, texts, **self._options(scores)))

    def _options(self, scores: Sequence[float | None] | None) -> dict[str, Any]:
        return {
            "top_n": self.top_n,
            "retrieval_scores": scores,
            "order": self.order,
            "near_misses": self.near_misses,
            "threshold": self.threshold,
            "denials": self.denials,
            "max_verified": self.max_verified,
            "min_score": self.min_score,
            "max_mismatch": self.max_mismatch,
            "timeout": self.timeout,
            "on_timeout": self.on_timeout,
        }

    def _scored(self, sources: Sequence[Document], ranking: Ranking) -> list[Document]:
        return [self._scored_copy(sources[result.index], result, ranking.degraded) for result in ranking]

    def _scored_copy(self, source: Document, result: RankedPassage, degraded: Sequence[str]) -> Document:
        scored = not math.isnan(result.score)
        scores = {
            "relevance_score": result.score if scored else None,
            "retrieval_score": result.retrieval_score,
            "relevance": result.relevance if scored else None,
            "mismatch": result.mismatch,
            "near_miss": result.near_miss,
            "verdict": result.verdict,
            "support": result.support,
            "evidence": None if result.evidence is None else list(result.evidence),
            "degraded": list(degraded),
        }
        ours = {self.metadata_prefix + name: value for name, value in scores.items()}
        key = self.retrieval_score_key or "retrieval_score"
        kept = source.metadata.get(key)
        if kept is not None and number(kept) is None:  # no score: the user's own
            ours.pop(key, None)
        return source.model_copy(update={"metadata": {**source.metadata, **ours}})

    def as_runnable(self) -> Runnable[Mapping[str, Any], list[Document]]:
        """The reranker as a step of a chain: ``{"documents": [...], "query": "..."}`` -> documents.

        Example:
            >>> from langchain_core.runnables import RunnablePassthrough
            >>> documents = [Document("Paris is in France."), Document("Goethe wrote Faust.")]
            >>> candidates = {"documents": lambda query: documents, "query": RunnablePassthrough()}
            >>> chain = candidates | CompositionalReranker(top_n=1).as_runnable()
            >>> chain.invoke("Who wrote Faust?")[0].page_content
            'Goethe wrote Faust.'
        """

        def rerank(inputs: Mapping[str, Any]) -> list[Document]:
            return self.compress_documents(*_arguments(inputs))

        async def arerank(inputs: Mapping[str, Any]) -> list[Document]:
            return list(await self.acompress_documents(*_arguments(inputs)))

        return RunnableLambda(rerank, arerank, name=type(self).__name__)


def _arguments(inputs: object) -> tuple[Sequence[Document], str]:
    if not isinstance(inputs, Mapping) or "documents" not in inputs or "query" not in inputs:
        given = sorted(map(str, inputs)) if isinstance(inputs, Mapping) else type(inputs).__name__
        raise InputError(f"the reranker's input must be a dict with 'documents' and 'query', got {given}")
    return inputs["documents"], inputs["query"]
