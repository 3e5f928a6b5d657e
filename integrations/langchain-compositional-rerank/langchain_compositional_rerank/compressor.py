"""CompositionalReranker: a document compressor over the core reranker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import ConfigDict, Field, PrivateAttr

from compositional_rerank.errors import InputError
from compositional_rerank.lazy import Lazy

if TYPE_CHECKING:
    import compositional_rerank as core

Backend = Literal["torch", "openvino"]
Count = Annotated[int, Field(strict=True, ge=1)]


class CompositionalReranker(BaseDocumentCompressor):
    """Reorders documents by MaxSim relevance, less a penalty for structural near-misses.

    The documents that come in stay as they are. Each one that goes out is a copy with the same id whose
    metadata hold ``relevance_score`` (the score that sorted it), ``retrieval_score``, ``relevance`` and
    ``mismatch``; scores of an earlier stage under these keys are replaced.

    The model is loaded at the first query. To share a loaded one, use `from_reranker`.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder that keeps passages' token vectors, as `CompositionalWarmer` fills it; None is memory.
        top_n: return this many of the best documents, at least 1; None returns all.
        min_score: drop documents whose score is below it; None drops none.
        max_mismatch: drop documents whose mismatch is above it, in [0, 1]; None drops none.
        retrieval_score_key: metadata key under which the retriever leaves its score, if it does.

    Example:
        >>> reranker = CompositionalReranker(top_n=1)
        >>> documents = [Document("Paris is in France."), Document("Goethe wrote Faust.")]
        >>> [document.page_content for document in reranker.compress_documents(documents, "Who wrote Faust?")]
        ['Goethe wrote Faust.']
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(default=None, frozen=True)
    device: str | None = Field(default=None, frozen=True)
    backend: Backend = Field(default="torch", frozen=True)
    store: str | None = Field(default=None, frozen=True)
    top_n: Count | None = None
    min_score: Annotated[float, Field(strict=True, ge=-1e6, le=1e6)] | None = None
    max_mismatch: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    retrieval_score_key: str = "retrieval_score"
    _reranker: Lazy[core.CompositionalReranker] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Prepare to load the model at first use."""
        self._reranker = Lazy(load, self.model, self.device, self.backend, self.store)

    @classmethod
    def from_reranker(cls, reranker: core.CompositionalReranker, **settings: Any) -> CompositionalReranker:
        """Build the compressor around a loaded reranker, so that one model serves several adapters.

        Args:
            reranker: the core reranker; a pickled copy of the compressor loads it anew by its name.
            settings: fields other than ``model``, ``backend`` and ``store``.
        """
        compressor = cls(**names_of(reranker), **settings)
        compressor._reranker = compressor._reranker.holding(reranker)
        return compressor

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
        ranking = self._reranker.get().rerank(
            query,
            [document.page_content for document in sources],
            self.top_n,
            retrieval_scores=[document.metadata.get(self.retrieval_score_key) for document in sources],
            min_score=self.min_score,
            max_mismatch=self.max_mismatch,
        )
        return [_scored_copy(sources[result.index], result) for result in ranking]

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


def load(
    model: str | None, device: str | None, backend: Backend, store: str | None
) -> core.CompositionalReranker:
    """Load the core reranker that the fields of an adapter name."""
    from compositional_rerank import CompositionalReranker  # loading torch takes seconds

    return CompositionalReranker.from_pretrained(model, device=device, backend=backend, store=store)


def names_of(reranker: core.CompositionalReranker) -> dict[str, Any]:
    """The fields of an adapter that name a loaded reranker: its model, backend and store's folder."""
    from compositional_rerank import FileStore

    folder = str(reranker.store.path) if isinstance(reranker.store, FileStore) else None
    return {"model": reranker.name, "backend": reranker.encoder.backend, "store": folder}


def _arguments(inputs: object) -> tuple[Sequence[Document], str]:
    if not isinstance(inputs, Mapping) or "documents" not in inputs or "query" not in inputs:
        given = sorted(map(str, inputs)) if isinstance(inputs, Mapping) else type(inputs).__name__
        raise InputError(f"the reranker's input must be a dict with 'documents' and 'query', got {given}")
    return inputs["documents"], inputs["query"]


def checked(documents: object) -> list[Document]:
    """A list of documents, or an error that says what it is instead."""
    if isinstance(documents, str) or not isinstance(documents, Iterable):
        raise InputError(f"documents must be a list of Document, got {type(documents).__name__}")
    checked = []
    for index, document in enumerate(documents):
        if not isinstance(document, Document):
            raise InputError(
                f"documents[{index}] must be a Document, got {type(document).__name__}: use Document(text)"
            )
        checked.append(document)
    return checked


def _scored_copy(source: Document, result: core.RankedPassage) -> Document:
    scores = {
        "relevance_score": result.score,
        "retrieval_score": result.retrieval_score,
        "relevance": result.relevance,
        "mismatch": result.mismatch,
    }
    return source.model_copy(update={"metadata": {**source.metadata, **scores}})
