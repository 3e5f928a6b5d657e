"""What the tools of the MCP server return; the descriptions are what an agent reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Span = tuple[int, int]
Probability = Annotated[float | None, Field(description="In [0, 1]; null where it was not judged.")]


class Judged(BaseModel):
    """A passage that was judged, or could not be."""

    index: Annotated[int, Field(description="Place in the list of passages, from 0.")]
    verdict: Annotated[
        Literal["supports", "denies", "differs"] | None,
        Field(
            description="supports: it says what was asked for, or answers it (to a yes/no question: yes). "
            "denies: it says the opposite (to a yes/no question: no, which is an answer). differs: in nearly "
            "the same words it speaks of another thing. null: it says nothing of it; or, where mismatch is "
            "null, too, it was not judged."
        ),
    ]
    support: Probability
    mismatch: Annotated[
        float | None,
        Field(description="Probability of a near-miss, in [0, 1]: nearly the same words, another meaning."),
    ]
    evidence: Annotated[
        Span | None, Field(description="Characters of the passage that decided, [start, stop].")
    ]
    quote: Annotated[str | None, Field(description="The words of the passage that decided.")]


class Flagged(Judged):
    """The same, and whether it is a near-miss."""

    near_miss: Annotated[bool, Field(description="Whether the mismatch reaches the threshold.")]


class RankedPassage(Flagged):
    """A passage with its scores."""

    text: Annotated[str | None, Field(description="The passage; null where return_text is false.")]
    score: Annotated[
        float, Field(description="What sorts: relevance, more for an answer, less for a near-miss.")
    ]
    relevance: Annotated[float, Field(description="How close it is to the query, in [-1, 1].")]


class Verdict(Judged):
    """What a passage says."""

    denial: Probability


class PassageVerdict(Verdict, Flagged):
    """The same, and whether it is a near-miss."""


class Judgement(BaseModel):
    """By which model."""

    model: str
    threshold: Annotated[
        float | None,
        Field(
            description="Mismatch from which a passage is a near-miss if the call names no other; null: the "
            "model judges none."
        ),
    ]


class Ranked(Judgement):
    """The passages, best first."""

    results: list[RankedPassage]


class Verdicts(Judgement):
    """A verdict for each passage, in their order."""

    verdicts: list[PassageVerdict]


class Sentence(BaseModel):
    """A sentence of the answer, and what the passages say of it."""

    text: str
    span: Annotated[Span, Field(description="Its characters in the answer, [start, stop].")]
    claim: Annotated[str | None, Field(description="What was checked; null: there is nothing to check.")]
    verdict: Annotated[
        Literal["supports", "denies", "differs", "conflicting"] | None,
        Field(
            description="supports: a passage says it. denies: one says the opposite. differs: in nearly the "
            "same words one speaks of another thing. conflicting: one says it, another denies it. null: no "
            "passage says anything of it, so that it has no source; or claim is null, too."
        ),
    ]
    read: Annotated[int, Field(description="How many passages were read with it.")]
    passages: Annotated[list[Verdict], Field(description="Those that say something of it, best first.")]


class CheckedAnswer(Judgement):
    """The sentences of the answer."""

    faithfulness: Annotated[
        float | None, Field(description="Share of the checked sentences that are supported, in [0, 1].")
    ]
    sentences: list[Sentence]


class SameQuestion(BaseModel):
    """What two questions have to do with each other."""

    model: str
    verdict: Annotated[
        Literal["supports", "denies", "differs"] | None,
        Field(
            description="supports: the same question. denies: the opposite one. differs: another one in "
            "nearly the same words. null: another one; or, where support is null, too, they cannot be judged."
        ),
    ]
    support: Annotated[float | None, Field(description="Probability that they are the same, in [0, 1].")]
    denial: Annotated[float | None, Field(description="Probability that they are opposite, in [0, 1].")]
    mismatch: Annotated[
        float | None,
        Field(description="Probability that they are opposite, or differ in nearly the same words."),
    ]
