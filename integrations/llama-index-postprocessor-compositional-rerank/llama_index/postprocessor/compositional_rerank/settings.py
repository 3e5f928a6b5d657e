"""What the adapters share: strict fields, and the core reranker that they name."""

from __future__ import annotations

from typing import Any, Literal

from llama_index.core.bridge.pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from llama_index.core.schema import BaseNode, MetadataMode
from typing_extensions import Self

from compositional_rerank import CompositionalReranker

_NAMED = ("model", "encoder", "verifier", "device", "backend", "store")


class Component(BaseModel):
    """A LlamaIndex component that refuses unknown fields and reads what `model_dump` wrote."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _drop_class_name(cls, values: Any) -> Any:
        # model_dump() of every LlamaIndex component writes its class name among the fields
        if isinstance(values, dict) and values.get("class_name") == cls.__name__:
            return {key: value for key, value in values.items() if key != "class_name"}
        return values

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the class."""
        return cls.__name__


class RerankerSettings(Component):
    """Fields of the adapters that run a core reranker. The model is loaded at first use."""

    model: str | None = Field(
        default=None,
        frozen=True,
        description="Name or folder of the model; None is the default of compositional-rerank.",
    )
    encoder: str | None = Field(
        default=None,
        frozen=True,
        description="Name or folder of another encoder beside the verifier, or none; None is the model's.",
    )
    verifier: str | None = Field(
        default=None,
        frozen=True,
        description="Name or folder of another verifier, or none; None is the model's.",
    )
    device: str | None = Field(
        default=None, frozen=True, description="Torch device; None picks an accelerator where there is one."
    )
    backend: Literal["torch", "openvino"] = Field(
        default="torch",
        frozen=True,
        description="What runs the networks: torch, or openvino (CPU only, several times faster there).",
    )
    store: str | None = Field(
        default=None,
        frozen=True,
        description="Folder that keeps passages' token embeddings; None is memory.",
    )
    _reranker: CompositionalReranker = PrivateAttr()
    _built_for: dict[str, Any] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the settings; nothing is loaded yet."""
        super().model_post_init(context)
        self._build()

    @classmethod
    def from_reranker(cls, reranker: CompositionalReranker, **settings: Any) -> Self:
        """Build the adapter around a core reranker, so that one model serves several adapters.

        Args:
            reranker: the core reranker; a serialised copy of the adapter loads it anew by its name.
            settings: fields other than those of this class.
        """
        adapter = cls(**reranker.settings, **settings)
        adapter._reranker = reranker
        return adapter

    @property
    def core(self) -> CompositionalReranker:
        """The core reranker that the fields name, also where `model_copy` changed them."""
        if self._named() != self._built_for:
            self._build()
        return self._reranker

    def _build(self) -> None:
        self._built_for = self._named()
        self._reranker = CompositionalReranker(**self._built_for)

    def _named(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _NAMED}


def passage_of(node: BaseNode) -> str:
    """The text of a node that is scored, and by which the store finds it."""
    return node.get_content(metadata_mode=MetadataMode.EMBED)


def own_span(node: BaseNode, passage: str) -> tuple[int, int] | None:
    """Where a node's own text stands in `passage_of` it, metadata left out; None if it is not there verbatim.

    White space at its end is left out: LlamaIndex strips it where there are metadata.
    """
    text = node.get_content(metadata_mode=MetadataMode.NONE).rstrip()
    start = passage.rfind(text)
    return None if start < 0 else (start, start + len(text))
