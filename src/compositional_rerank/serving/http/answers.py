"""What clients read: `verdict`, `support`, `mismatch` and `evidence` beside the fields that they know."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Span = tuple[int, int]
Verdict = Annotated[
    Literal["supports", "denies", "differs"] | None,
    Field(
        description="supports: it says what was asked for, or answers it (to a yes/no question: yes). "
        "denies: it says the opposite (to a yes/no question: no, which is an answer). differs: in nearly the "
        "same words it speaks of another thing. null: it says nothing of it; or, where mismatch is null, "
        "too, it was not judged."
    ),
]
Probability = Annotated[float | None, Field(description="In [0, 1]; null where it was not judged.")]
Mismatch = Annotated[
    float | None,
    Field(description="Probability of a near-miss, in [0, 1]: nearly the same words, another meaning."),
]
Evidence = Annotated[Span | None, Field(description="Characters that decided, [start, stop].")]


class Judged(BaseModel):
    """What was found of one text."""

    verdict: Verdict
    support: Probability
    mismatch: Mismatch
    evidence: Evidence


class Flagged(Judged):
    """The same, and whether it is a near-miss."""

    near_miss: bool = Field(description="Whether the mismatch reaches the threshold.")


class Judgement(BaseModel):
    """By which model."""

    model: str
    threshold: Annotated[
        float | None,
        Field(
            description="Mismatch from which a passage is a near-miss if the request names no other; null: "
            "the model judges none."
        ),
    ]


class Usage(BaseModel):
    """Tokens that were encoded for this request: those of stored passages are none."""

    prompt_tokens: int
    total_tokens: int


class Ranked(Flagged):
    """A document."""

    index: int
    relevance_score: Annotated[
        float, Field(description="What sorts: relevance, more for an answer, less for a near-miss.")
    ]
    relevance: Annotated[float, Field(description="How close it is to the query, in [-1, 1].")]
    document: dict[str, Any] | None = Field(None, description="Where return_documents asks for it.")


class Reranked(Judgement):
    """Documents, best first."""

    id: str
    results: list[Ranked]
    meta: dict[str, Any]
    usage: Usage


class TeiRanked(Flagged):
    """A text."""

    index: int
    score: float
    text: str | None = Field(None, description="Where return_text asks for it.")


class Scored(Flagged):
    """A pair."""

    index: int
    object: Literal["score"] = "score"
    score: float


class Scores(Judgement):
    """Pairs, in their order."""

    id: str
    object: Literal["list"] = "list"
    created: int
    data: list[Scored]
    usage: Usage


class Embedding(BaseModel):
    """A vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(
        description="As base64: the bytes of its float32 numbers, little-endian."
    )


class EmbeddingList(BaseModel):
    """Vectors, in the order of the texts."""

    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: Usage


class Model(BaseModel):
    """A model of the service."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "compositional-rerank"


class ModelList(BaseModel):
    """The models of the service."""

    object: Literal["list"] = "list"
    data: list[Model]


class Found(Judged):
    """What a passage says of a sentence."""

    index: int
    denial: Probability
    quote: str | None = Field(description="The words that decided.")


class PassageVerdict(Found, Flagged):
    """What a passage, or a cached question, says."""


class Verdicts(Judgement):
    """A verdict for each text, in their order."""

    verdicts: list[PassageVerdict]


class Sentence(BaseModel):
    """A sentence of the answer, and what the passages say of it."""

    text: str
    span: Span
    claim: str | None = Field(description="What was checked; null: there is nothing to check.")
    verdict: Literal["supports", "denies", "differs", "conflicting"] | None
    read: int = Field(description="How many passages were read with it.")
    passages: list[Found] = Field(description="Those that say something of it, best first.")


class CheckedAnswer(Judgement):
    """The sentences of the answer."""

    faithfulness: float | None = Field(description="Share of the checked sentences that are supported.")
    sentences: list[Sentence]


class Health(BaseModel):
    """State of the service."""

    status: str
