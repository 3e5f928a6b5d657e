"""CompositionalWarmer: fills the reranker's store while documents are indexed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import BaseDocumentTransformer, Document
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from compositional_rerank.errors import InputError
from compositional_rerank.lazy import Lazy
from langchain_compositional_rerank.compressor import Backend, checked, load, names_of

if TYPE_CHECKING:
    import compositional_rerank as core


class CompositionalWarmer(BaseModel, BaseDocumentTransformer):
    """Encodes documents once, while they are indexed, so that `CompositionalReranker` only encodes the query.

    The documents pass through as they are. Put it behind everything that changes their text, by which they
    are found again. The model is loaded at first use.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder to fill; None only with `from_reranker`.

    Example:
        >>> import tempfile
        >>> from langchain_compositional_rerank import CompositionalReranker
        >>> folder = tempfile.mkdtemp()
        >>> documents = [Document("Goethe wrote Faust.")]
        >>> documents = CompositionalWarmer(store=folder).transform_documents(documents)
        >>> reranker = CompositionalReranker(store=folder)  # finds the token vectors there
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(default=None, frozen=True)
    device: str | None = Field(default=None, frozen=True)
    backend: Backend = Field(default="torch", frozen=True)
    store: str | None = Field(default=None, frozen=True)
    _reranker: Lazy[core.CompositionalReranker] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Prepare to load the model at first use."""
        self._reranker = Lazy(_load, self.model, self.device, self.backend, self.store)

    @classmethod
    def from_reranker(cls, reranker: core.CompositionalReranker) -> CompositionalWarmer:
        """Build the transformer around a loaded reranker, whose store it fills."""
        warmer = cls(**names_of(reranker))
        warmer._reranker = warmer._reranker.holding(reranker)
        return warmer

    def transform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:
        """Encode the documents into the store.

        Args:
            documents: what will be reranked; they are not changed.
            kwargs: part of LangChain's interface; none is used.

        Returns:
            The same documents.

        Raises:
            InputError: there is no store to fill, or a value is no document.
            StoreError: the store could not keep them.
        """
        from compositional_rerank.warming import warm

        sources = checked(documents)
        warm(self._reranker.get(), [document.page_content for document in sources])
        return sources


def _load(
    model: str | None, device: str | None, backend: Backend, store: str | None
) -> core.CompositionalReranker:
    if store is None:
        raise InputError("CompositionalWarmer has no store to fill: pass store=FOLDER, or use from_reranker")
    return load(model, device, backend, store)
