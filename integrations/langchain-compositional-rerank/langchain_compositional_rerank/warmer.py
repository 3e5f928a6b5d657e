"""CompositionalWarmer: fills the reranker's store while documents are indexed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document
from pydantic import PrivateAttr
from typing_extensions import Self

from compositional_rerank import CompositionalReranker as CoreReranker
from compositional_rerank.errors import InputError
from langchain_compositional_rerank.settings import RerankerSettings, checked


class CompositionalWarmer(RerankerSettings, BaseDocumentTransformer):
    """Encodes documents once, while they are indexed, so that `CompositionalReranker` only encodes the query.

    The documents pass through as they are. Put it behind everything that changes their text, by which they
    are found again. The model is loaded at first use.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        encoder: name or folder of another encoder beside the verifier, or ``"none"``; None is the model's.
        verifier: name or folder of another verifier, or ``"none"``; None is the model's.
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

    _given: bool = PrivateAttr(default=False)

    @classmethod
    def from_reranker(cls, reranker: CoreReranker, **settings: Any) -> Self:
        """Build the transformer around a core reranker, whose store it fills, one in memory, too."""
        warmer = super().from_reranker(reranker, **settings)
        warmer._given = True
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
        sources = checked(documents)
        if self.store is None and not self._given:
            raise InputError(
                "CompositionalWarmer has no store to fill: pass store=FOLDER, or use from_reranker"
            )
        self.core.warm([document.page_content for document in sources])
        return sources
