"""The fields that name a core reranker, and the reranker that they name."""

from __future__ import annotations

from numbers import Integral
from typing import Annotated, Any, Literal

from langchain_core.documents import Document
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from typing_extensions import Self

from compositional_rerank import CompositionalReranker as CoreReranker
from compositional_rerank.errors import InputError


def _plain(value: Any) -> Any:
    """An integer of numpy as Python's."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


Count = Annotated[int, BeforeValidator(_plain), Field(strict=True, ge=1)]
Most = Annotated[int, BeforeValidator(_plain), Field(strict=True, ge=0)]


class RerankerSettings(BaseModel):
    """Fields of the adapters that run a core reranker. The model is loaded at first use.

    Args:
        model: name or folder of the model; None is the default of compositional-rerank.
        encoder: name or folder of another encoder beside the verifier, or ``"none"``; None is the model's.
        verifier: name or folder of another verifier, or ``"none"``; None is the model's.
        device: torch device; None picks an accelerator where there is one.
        backend: what runs the networks, ``"torch"`` or ``"openvino"`` (CPU only, several times faster there).
        store: folder that keeps passages' token embeddings; None is memory.
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(default=None, frozen=True)
    encoder: str | None = Field(default=None, frozen=True)
    verifier: str | None = Field(default=None, frozen=True)
    device: str | None = Field(default=None, frozen=True)
    backend: Literal["torch", "openvino"] = Field(default="torch", frozen=True)
    store: str | None = Field(default=None, frozen=True)
    _reranker: CoreReranker = PrivateAttr()
    _built_for: dict[str, Any] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the settings; nothing is loaded yet."""
        super().model_post_init(context)
        self._build()

    @classmethod
    def from_reranker(cls, reranker: CoreReranker, **settings: Any) -> Self:
        """Build the adapter around a core reranker, so that one model serves several adapters.

        Args:
            reranker: the core reranker; a pickled copy of the adapter loads it anew by its name.
            settings: fields other than those of this class.
        """
        adapter = cls(**reranker.settings, **settings)
        adapter._reranker = reranker
        return adapter

    @property
    def core(self) -> CoreReranker:
        """The core reranker that the fields name, also where `model_copy` changed them."""
        if self._named() != self._built_for:
            self._build()
        return self._reranker

    def _build(self) -> None:
        self._built_for = self._named()
        self._reranker = CoreReranker(**self._built_for)

    def _named(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in RerankerSettings.model_fields}


def checked(documents: object) -> list[Document]:
    """A list of documents, or an error that says what it is instead."""
    if isinstance(documents, str) or not hasattr(documents, "__iter__"):
        raise InputError(f"documents must be a list of Document, got {type(documents).__name__}")
    checked = []
    for index, document in enumerate(documents):
        if not isinstance(document, Document):
            raise InputError(
                f"documents[{index}] must be a Document, got {type(document).__name__}: use Document(text)"
            )
        checked.append(document)
    return checked
