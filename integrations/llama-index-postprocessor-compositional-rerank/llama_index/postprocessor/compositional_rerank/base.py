"""CompositionalRerank: a node postprocessor over the core reranker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from llama_index.core.bridge.pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)
from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from llama_index_instrumentation import get_dispatcher

from compositional_rerank.errors import InputError
from compositional_rerank.lazy import Lazy

if TYPE_CHECKING:
    from compositional_rerank import CompositionalReranker, RankedPassage

dispatcher = get_dispatcher(__name__)

Backend = Literal["torch", "openvino"]
RELEVANCE_KEY = "relevance"
MISMATCH_KEY = "mismatch"


class CompositionalRerank(BaseNodePostprocessor):
    """Reorders nodes by MaxSim relevance, less a penalty for structural near-misses.

    The nodes that come in stay as they are. Each node that goes out is a copy: its ``score`` is the score
    that sorted it, and its metadata hold ``relevance``, ``mismatch`` and the retrieval score, which neither
    an embedding model nor an LLM gets to read. A node without text, such as a bare image, ranks last.

    The model is loaded at the first query. To share a loaded one, use `from_reranker`.

    Example:
        >>> from llama_index.core.schema import NodeWithScore, TextNode
        >>> rerank = CompositionalRerank(top_n=1)
        >>> texts = ["Paris is in France.", "Goethe wrote Faust."]
        >>> nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in texts]
        >>> [node.text for node in rerank.postprocess_nodes(nodes, query_str="Who wrote Faust?")]
        ['Goethe wrote Faust.']
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        default=None,
        frozen=True,
        description="Name or folder of the model; None is the default of compositional-rerank.",
    )
    device: str | None = Field(
        default=None, frozen=True, description="Torch device; None picks an accelerator where there is one."
    )
    backend: Backend = Field(
        default="torch",
        frozen=True,
        description="What runs the networks: torch, or openvino (CPU only, several times faster there).",
    )
    store: str | None = Field(
        default=None,
        frozen=True,
        description="Folder of token vectors, as CompositionalWarmer fills it; None is memory.",
    )
    top_n: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="Return this many of the best nodes, at least 1; None returns all."
    )
    min_score: Annotated[float, Field(strict=True, ge=-1e6, le=1e6)] | None = Field(
        default=None, description="Drop nodes whose score is below it; None drops none."
    )
    max_mismatch: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        default=None, description="Drop nodes whose mismatch is above it, in [0, 1]; None drops none."
    )
    keep_retrieval_score: bool = Field(
        default=True, description="Whether to keep the incoming score in the metadata."
    )
    retrieval_score_key: str = Field(
        default="retrieval_score", min_length=1, description="Metadata key that keeps the incoming score."
    )
    _reranker: Lazy[CompositionalReranker] = PrivateAttr()

    @field_validator("retrieval_score_key")
    @classmethod
    def _check_key(cls, key: str) -> str:
        if key in (RELEVANCE_KEY, MISMATCH_KEY):
            raise InputError(f"retrieval_score_key {key!r} is the reranker's own: choose another")
        return key

    @model_validator(mode="before")
    @classmethod
    def _drop_class_name(cls, values: Any) -> Any:
        # model_dump() of every LlamaIndex component writes its class name among the fields
        if isinstance(values, dict) and values.get("class_name") == cls.class_name():
            return {key: value for key, value in values.items() if key != "class_name"}
        return values

    def model_post_init(self, context: Any, /) -> None:
        """Prepare to load the model at first use."""
        super().model_post_init(context)
        self._reranker = Lazy(load, self.model, self.device, self.backend, self.store)

    @classmethod
    def from_reranker(cls, reranker: CompositionalReranker, **settings: Any) -> CompositionalRerank:
        """Build the postprocessor around a loaded reranker, so that one model serves several adapters.

        Args:
            reranker: the core reranker; a serialised copy of the postprocessor loads it anew by its name.
            settings: fields other than ``model``, ``backend`` and ``store``.
        """
        one = cls(**names_of(reranker), **settings)
        one._reranker = one._reranker.holding(reranker)
        return one

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the class."""
        return "CompositionalRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise InputError("query_bundle is None: pass query_bundle=QueryBundle(query) or query_str=query")
        _check_nodes(nodes)
        query, reranker = query_bundle.query_str, self._reranker.get()
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
        with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
            ranking = reranker.rerank(
                query,
                [passage_of(node.node) for node in nodes],
                self.top_n,
                retrieval_scores=[node.score for node in nodes],
                min_score=self.min_score,
                max_mismatch=self.max_mismatch,
            )
            ranked = [self._scored_copy(nodes[result.index], result) for result in ranking]
            event.on_end(payload={EventPayload.NODES: ranked})
        dispatcher.event(ReRankEndEvent(nodes=ranked))
        return ranked

    def _scored_copy(self, source: NodeWithScore, result: RankedPassage) -> NodeWithScore:
        scores = {RELEVANCE_KEY: result.relevance, MISMATCH_KEY: result.mismatch}
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
        return source.model_copy(update={"node": copy, "score": result.score})


def load(model: str | None, device: str | None, backend: Backend, store: str | None) -> CompositionalReranker:
    """Load the core reranker that the fields of an adapter name."""
    from compositional_rerank import CompositionalReranker  # loading torch takes seconds

    return CompositionalReranker.from_pretrained(model, device=device, backend=backend, store=store)


def names_of(reranker: CompositionalReranker) -> dict[str, Any]:
    """The fields of an adapter that name a loaded reranker: its model, backend and store's folder."""
    from compositional_rerank import FileStore

    folder = str(reranker.store.path) if isinstance(reranker.store, FileStore) else None
    return {"model": reranker.name, "backend": reranker.encoder.backend, "store": folder}


def passage_of(node: BaseNode) -> str:
    """The text of a node that is scored, and by which the store finds it."""
    return node.get_content(metadata_mode=MetadataMode.EMBED)


def _check_nodes(nodes: object) -> None:
    if isinstance(nodes, str) or not isinstance(nodes, Sequence):
        raise InputError(f"nodes must be a list of NodeWithScore, got {type(nodes).__name__}")
    for index, node in enumerate(nodes):
        if not isinstance(node, NodeWithScore):
            raise InputError(
                f"nodes[{index}] must be a NodeWithScore, got {type(node).__name__}: wrap the node"
            )


def _union(keys: list[str], more: dict[str, float | None]) -> list[str]:
    return [*keys, *(key for key in more if key not in keys)]
