"""What clients send. Fields that only other services need are let through and not looked at."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StrictInt,
    Tag,
)

from compositional_rerank._validation import check_answer, check_query
from compositional_rerank.scoring.calibration import Denials
from compositional_rerank.scoring.policy import NearMisses, Order

_FIRST_FAULT = Field(fail_fast=True)  # or a list of a million numbers has a million faults

Query = Annotated[
    str,
    AfterValidator(check_query),
    Field(
        description="A question, or a statement that ends with a full stop; not blank.",
        json_schema_extra={"pattern": r"\S"},
    ),
]
Passages = Annotated[list[str], _FIRST_FAULT]
Count = Annotated[int | None, Field(ge=1)]
Span = Annotated[tuple[StrictInt, StrictInt], Strict(False)]  # a list, in JSON
OwnText = Annotated[
    Annotated[list[Span | None], _FIRST_FAULT] | None,
    Field(description="Characters [start, stop] of each passage that may be evidence; null: all of it."),
]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)  # "5" is no number


class _OwnBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _OfNearMisses(_Body):
    """Options of every request that is answered with scores."""

    near_misses: NearMisses = "demote"
    threshold: Annotated[float, Field(ge=0, le=1)] | Literal["shipped"] = "shipped"


class Policy(_OfNearMisses):
    """Options of `CompositionalReranker.rerank` that every request to rank may carry."""

    order: Order = "auto"
    denials: Denials = "auto"
    max_verified: Annotated[int | None, Field(ge=0)] = None
    min_score: Annotated[float | None, Field(ge=-1e6, le=1e6)] = None
    max_mismatch: Annotated[float | None, Field(ge=0, le=1)] = None
    own_text: OwnText = None
    retrieval_scores: Annotated[list[float | None], _FIRST_FAULT] | None = None

    def policy(self) -> dict[str, Any]:
        """The options that were sent, as arguments of `rerank`."""
        return self.model_dump(include=set(Policy.model_fields), exclude_unset=True, exclude_none=True)


class Document(BaseModel):
    """A document with fields, as Cohere's first version and Jina take it."""

    model_config = ConfigDict(strict=True, extra="allow")

    text: str


def _kind(document: Any) -> str:
    return "=text" if isinstance(document, str) else "=object"


def _one_or_many(value: Any) -> str:
    return "=many" if isinstance(value, list) else "=one"


def _no_token_ids(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], (int, list)):
        raise ValueError(
            f"input holds token ids ({value[0]!r:.40}), and the service reads texts: send strings "
            "(LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False)"
        )
    return value


def _documents_or_texts(body: Any) -> str:
    return (
        "=texts" if isinstance(body, dict) and "texts" in body and "documents" not in body else "=documents"
    )


AnyDocument = Annotated[
    Annotated[str, Tag("=text")] | Annotated[Document, Tag("=object")], Discriminator(_kind)
]


Texts = Annotated[
    Annotated[str, Tag("=one")] | Annotated[Passages, Tag("=many")], Discriminator(_one_or_many)
]
Queries = Annotated[
    Annotated[Query, Tag("=one")] | Annotated[list[Query], _FIRST_FAULT, Tag("=many")],
    Discriminator(_one_or_many),
]


class Rerank(Policy):
    """What Cohere, Jina and vLLM call reranking."""

    query: Query
    documents: Annotated[list[AnyDocument], _FIRST_FAULT]
    model: str | None = Field(None, description="Not looked at: the service has one model.")
    top_n: Count = None
    return_documents: bool | None = None
    rank_fields: Annotated[list[str], _FIRST_FAULT] | None = Field(
        None, description="Of documents that are objects: which fields are ranked, in order; else text."
    )

    def texts(self) -> list[str]:
        """What is ranked of each document."""
        return [one if isinstance(one, str) else self._ranked(one) for one in self.documents]

    def _ranked(self, document: Document) -> str:
        fields = document.model_dump()
        chosen = [str(fields[name]) for name in dict.fromkeys(self.rank_fields or ["text"]) if name in fields]
        return "\n".join(chosen)


class TeiRerank(Policy):
    """What Text Embeddings Inference calls reranking. Nothing is truncated, and scores are always raw."""

    query: Query
    texts: Passages
    return_text: bool | None = None


AnyRerank = Annotated[
    Annotated[Rerank, Tag("=documents")] | Annotated[TeiRerank, Tag("=texts")],
    Discriminator(_documents_or_texts),
]


def as_list(texts: str | list[str]) -> list[str]:
    """One text, or many, as many."""
    return [texts] if isinstance(texts, str) else texts


class Score(_OfNearMisses):
    """What vLLM calls scoring: one text with each of many, or as many with as many."""

    text_1: Queries
    text_2: Texts
    model: str | None = Field(None, description="Not looked at: the service has one model.")


class Embeddings(_Body):
    """As OpenAI has it, and whether the texts are queries or documents."""

    input: Annotated[Texts, BeforeValidator(_no_token_ids)]
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Count = Field(None, description="The model's own number: vectors are not cut.")
    input_type: Literal["query", "document"] = "document"


class Verify(_OwnBody):
    """See `CompositionalReranker.verify`."""

    query: Query
    passages: Passages
    denials: Denials = "auto"
    own_text: OwnText = None


class SameQuestion(_OwnBody):
    """See `CompositionalReranker.same_questions`: one pair, or two lists of the same length."""

    cached: Texts
    new: Texts


class Check(_OwnBody):
    """See `CompositionalReranker.check`."""

    answer: Annotated[str, AfterValidator(check_answer), Field(json_schema_extra={"pattern": r"\S"})]
    passages: Passages
    own_text: OwnText = None
    max_verified: Count = None
