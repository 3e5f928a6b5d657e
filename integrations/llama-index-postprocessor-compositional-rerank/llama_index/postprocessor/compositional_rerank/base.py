"""CompositionalRerank: a node postprocessor over the core reranker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Annotated, Any, Literal

from llama_index.core.bridge.pydantic import Field, model_validator
from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.postprocessor.compositional_rerank.settings import RerankerSettings, own_span, passage_of
from llama_index_instrumentation import get_dispatcher
from pydantic import BeforeValidator
from typing_extensions import Self

from compositional_rerank import RankedPassage
from compositional_rerank.concurrency.deadline import in_thread
from compositional_rerank.errors import InputError

dispatcher = get_dispatcher(__name__)


def _plain(value: Any) -> Any:
    """An integer of numpy as Python's."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


class CompositionalRerank(RerankerSettings, BaseNodePostprocessor):
    """Reorders nodes by MaxSim relevance, less a penalty for structural near-misses.

    The nodes that come in stay as they are. Each node that goes out is a copy: its ``score`` is the score
    that sorted it, and its metadata hold ``relevance``, ``mismatch``, ``near_miss``, ``verdict``
    (``"supports"``, ``"denies"``, ``"differs"`` or None), ``support``, ``evidence``, the retrieval score and
    ``degraded``: what is missing, ``["timeout"]`` (the node kept its score) or ``["verifier"]``; else ``[]``.
    Neither an embedding model nor an LLM gets to read them. A node without text, such as a bare image, ranks
    last, unless ``order="retriever"`` keeps its place.

    Metadata that an embedding model reads count for the relevance; what a node says of the query is judged by
    its own text alone. ``evidence`` are the characters of that text that decided, as ``[start, stop]``; None
    where nothing did, or where the node's content does not hold its text verbatim.

    The model is loaded at the first query. To share a loaded one, use `from_reranker`.

    Example:
        >>> from llama_index.core.schema import NodeWithScore, TextNode
        >>> rerank = CompositionalRerank(top_n=1)
        >>> texts = ["Paris is in France.", "Goethe wrote Faust."]
        >>> nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in texts]
        >>> [node.text for node in rerank.postprocess_nodes(nodes, query_str="Who wrote Faust?")]
        ['Goethe wrote Faust.']
    """

    top_n: Annotated[int, BeforeValidator(_plain), Field(strict=True, ge=1)] | None = Field(
        default=None, description="Return this many of the best nodes, at least 1; None returns all."
    )
    min_score: Annotated[float, Field(strict=True, ge=-1e6, le=1e6)] | None = Field(
        default=None, description="Drop nodes whose score is below it; None drops none."
    )
    max_mismatch: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        default=None, description="Drop nodes whose mismatch is above it, in [0, 1]; None drops none."
    )
    order: Literal["auto", "retriever", "mix", "relevance"] = Field(
        default="auto",
        description="What verdicts change: retriever keeps the order and the scores that came in, relevance "
        "is the order of MaxSim, mix a mixture of both, auto that mixture, or relevance where there are no "
        "scores and the list seems to be in no order.",
    )
    near_misses: Literal["penalise", "demote", "drop", "mark"] = Field(
        default="demote",
        description="What becomes of near-misses: demote puts them behind all that are none, penalise only "
        "lowers their scores, drop leaves them out, mark leaves them where they are.",
    )
    threshold: Annotated[float, Field(strict=True, ge=0, le=1)] | Literal["shipped"] = Field(
        default="shipped",
        description="Mismatch from which a node is a near-miss, in [0, 1]; shipped is the model's own.",
    )
    denials: Literal["auto", "keep", "penalise"] = Field(
        default="auto",
        description="Whether a node that denies the query is a near-miss: auto for everything but yes/no "
        "questions, keep never, penalise always.",
    )
    max_verified: Annotated[int, BeforeValidator(_plain), Field(strict=True, ge=0)] | None = Field(
        default=None,
        description="How many nodes are judged at most, at least 0; None is the model's own number.",
    )
    timeout: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds that a query may take; None is no limit."
    )
    on_timeout: Literal["raise", "keep"] = Field(
        default="raise",
        description="What happens then: raise, or keep the nodes as they came in, with the scores they had.",
    )
    keep_retrieval_score: bool = Field(
        default=True, description="Whether to keep the incoming score in the metadata."
    )
    retrieval_score_key: str = Field(
        default="retrieval_score", min_length=1, description="Metadata key that keeps the incoming score."
    )
    metadata_prefix: str = Field(
        default="",
        description="Put before relevance, mismatch, near_miss, verdict, support, evidence and degraded, "
        "where your metadata have such keys.",
    )

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if self.retrieval_score_key in self._keys():
            raise InputError(
                f"retrieval_score_key {self.retrieval_score_key!r} is the reranker's own: choose another"
            )
        return self

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if isinstance(query_bundle, str):
            query_bundle = QueryBundle(query_bundle)
        if query_bundle is None:
            raise InputError("query_bundle is None: pass query_bundle=QueryBundle(query) or query_str=query")
        _check_nodes(nodes)
        query, reranker = query_bundle.query_str, self.core
        most = len(nodes) if self.top_n is None else self.top_n
        dispatcher.event(
            ReRankStartEvent(query=query_bundle, nodes=nodes, top_n=most, model_name=reranker.name)
        )
        payload: dict[str, Any] = {
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: reranker.name,
            EventPayload.QUERY_STR: query,
            EventPayload.TOP_K: most,
        }
        passages = [passage_of(node.node) for node in nodes]
        own = [own_span(node.node, passage) for node, passage in zip(nodes, passages, strict=True)]
        with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
            ranking = reranker.rerank(
                query,
                passages,
                self.top_n,
                retrieval_scores=[node.score for node in nodes],
                own_text=own,
                order=self.order,
                near_misses=self.near_misses,
                threshold=self.threshold,
                denials=self.denials,
                max_verified=self.max_verified,
                min_score=self.min_score,
                max_mismatch=self.max_mismatch,
                timeout=self.timeout,
                on_timeout=self.on_timeout,
            )
            ranked = [
                self._scored_copy(nodes[result.index], result, own[result.index], ranking.degraded)
                for result in ranking
            ]
            event.on_end(payload={EventPayload.NODES: ranked})
        dispatcher.event(ReRankEndEvent(nodes=ranked))
        return ranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        """The same in a thread; a task that is cancelled stops computing at its next batch."""
        return await in_thread(lambda: self._postprocess_nodes(nodes, query_bundle))

    def _scored_copy(
        self,
        source: NodeWithScore,
        result: RankedPassage,
        own: tuple[int, int] | None,
        degraded: Sequence[str],
    ) -> NodeWithScore:
        scored = not math.isnan(result.score)
        evidence = None
        if result.evidence is not None and own is not None:
            evidence = [place - own[0] for place in result.evidence]
        values = (
            result.relevance if scored else None,
            result.mismatch,
            result.near_miss,
            result.verdict,
            result.support,
            evidence,
            list(degraded),
        )
        scores: dict[str, Any] = dict(zip(self._keys(), values, strict=True))
        if self.keep_retrieval_score:
            scores[self.retrieval_score_key] = result.retrieval_score
        node = source.node
        # Not a deep copy: an IndexNode may hold a whole query engine.
        copy = node.model_copy(
            update={
                "metadata": {**node.metadata, **scores},
                "excluded_embed_metadata_keys": _union(node.excluded_embed_metadata_keys, scores),
                "excluded_llm_metadata_keys": _union(node.excluded_llm_metadata_keys, scores),
                "relationships": dict(node.relationships),
            }
        )
        return source.model_copy(update={"node": copy, "score": result.score if scored else source.score})

    def _keys(self) -> list[str]:
        names = ("relevance", "mismatch", "near_miss", "verdict", "support", "evidence", "degraded")
        return [self.metadata_prefix + name for name in names]


def _check_nodes(nodes: object) -> None:
    if isinstance(nodes, str) or not isinstance(nodes, Sequence):
        raise InputError(f"nodes must be a list of NodeWithScore, got {type(nodes).__name__}")
    for index, node in enumerate(nodes):
        if not isinstance(node, NodeWithScore):
            raise InputError(
                f"nodes[{index}] must be a NodeWithScore, got {type(node).__name__}: wrap the node"
            )


def _union(keys: list[str], more: dict[str, Any]) -> list[str]:
    return [*keys, *(key for key in more if key not in keys)]
