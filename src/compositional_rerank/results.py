"""What comes out: rankings, verdicts and scores of pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

VerdictName = Literal["supports", "denies", "differs"]


@dataclass(frozen=True)
class Verdict:
    """What a passage says of a query, or a cached question of a new one.

    Of two questions ``"supports"`` means the same, ``"denies"`` the opposite, ``"differs"`` another in nearly
    the same words, None another, or that they cannot be judged: then ``support`` is None, too.

    Args:
        verdict: ``"supports"``: it says what the query says, or answers it (to a yes/no question: yes);
            ``"denies"``: it says the opposite (to a yes/no question: no, which is an answer); ``"differs"``:
            in nearly the query's words it speaks of another thing; None where it says nothing of it, or
            cannot be judged.
        support: probability of ``"supports"``, in [0, 1]; None where it cannot be judged.
        denial: probability of ``"denies"``, in [0, 1]; None where it cannot be judged.
        mismatch: probability, in [0, 1], that the passage is a near-miss of what was asked; None where it
            cannot be judged: the query is keywords, or a text is no English prose.
        evidence: characters ``(start, stop)`` of the passage that decided; None where nothing did.
        near_miss: whether the mismatch reaches the model's threshold; False where it cannot be judged.
    """

    verdict: VerdictName | None = None
    support: float | None = None
    denial: float | None = None
    mismatch: float | None = None
    evidence: tuple[int, int] | None = None
    near_miss: bool = False


@dataclass(frozen=True)
class RankedPassage:
    """One candidate with its named scores, all of them Python floats.

    Args:
        index: place in the list that came in, from 0.
        text: the passage.
        retrieval_score: what the retriever gave, untouched; None if it gave none.
        maxsim: MaxSim with the query, in [-1, 1].
        relevance: MaxSim, or where a checkpoint says so MaxSim mixed with the cosine of the pooled vectors,
            in [-1, 1].
        closeness: how close the closest sentence is to the query, both ways, in [-1, 1]; None where the
            passage was not verified.
        verdict: ``"supports"``, ``"denies"``, ``"differs"``, or None: see `Verdict`.
        support: probability of ``"supports"``, in [0, 1]; None where the passage was not verified.
        mismatch: probability, in [0, 1], that the passage is a structural near-miss of the query; None
            where it was not verified: no verifier is loaded, nothing is asked, the passage is too far from
            the query, or it cannot be judged.
        near_miss: whether the mismatch reaches the threshold; False where the passage was not verified.
        evidence: characters ``(start, stop)`` of the passage that decided; None where nothing did.
        score: what sorts. With ``order="relevance"`` the relevance, more for an answer, less for a mismatch;
            with ``"mix"`` and ``"auto"`` the same, the retriever's order mixed in; with ``"retriever"`` the
            retrieval score (or 1 / log2(1 + rank)), less for a near-miss.
    """

    index: int
    text: str
    retrieval_score: float | None
    maxsim: float
    relevance: float
    closeness: float | None
    verdict: VerdictName | None
    support: float | None
    mismatch: float | None
    near_miss: bool
    evidence: tuple[int, int] | None
    score: float

    def within(self, min_score: float | None, max_mismatch: float | None) -> bool:
        """Whether it passes both cuts; None cuts nothing, and what was not judged has no mismatch."""
        return (min_score is None or self.score >= min_score) and (
            max_mismatch is None or self.mismatch is None or self.mismatch <= max_mismatch
        )


@dataclass(frozen=True)
class Ranking:
    """Candidates from best to worst; equal scores keep the order in which they came in."""

    query: str
    results: tuple[RankedPassage, ...]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[RankedPassage]:
        return iter(self.results)

    def __getitem__(self, place: int) -> RankedPassage:
        return self.results[place]


@dataclass(frozen=True, eq=False)
class PairScores:
    """Scores of ``n`` aligned pairs of texts; see `RankedPassage` for ranges.

    ``maxsim``, ``relevance``, ``score``: float64 ``[n]``. ``verdicts``: one for each pair, whatever its
    closeness; empty without a verifier.
    """

    maxsim: NDArray[np.float64]
    relevance: NDArray[np.float64]
    verdicts: tuple[Verdict, ...]
    score: NDArray[np.float64]

    @property
    def mismatch(self) -> NDArray[np.float64] | None:
        """float64 ``[n]``, NaN where a pair cannot be judged; None without a verifier."""
        if not self.verdicts and len(self.score):
            return None
        return np.array([one.mismatch for one in self.verdicts], dtype=np.float64)


SentenceVerdict = Literal["supports", "denies", "differs", "conflicting"]


@dataclass(frozen=True)
class CheckedPassage:
    """What one passage says of a sentence that was checked.

    Args:
        index: place in the list of passages that came in, from 0.
        text: the passage.
        verdict: ``"supports"``, ``"denies"`` or ``"differs"``: see `Verdict`.
        support: probability of ``"supports"``, in [0, 1].
        denial: probability of ``"denies"``, in [0, 1].
        mismatch: probability, in [0, 1], that the passage denies the sentence or speaks of another thing.
        evidence: characters ``(start, stop)`` of the passage that decided.
    """

    index: int
    text: str
    verdict: VerdictName
    support: float
    denial: float
    mismatch: float
    evidence: tuple[int, int]

    @property
    def quote(self) -> str:
        """The words of the passage that decided."""
        return self.text[slice(*self.evidence)]


@dataclass(frozen=True)
class CheckedSentence:
    """A sentence of an answer, and what the passages say of it.

    Args:
        text: the sentence, or a heading, table or piece of code, as it stands in the answer.
        span: its characters ``(start, stop)`` in the answer.
        claim: what was checked: the sentence without markup, with the sentence before it where it begins
            with a pronoun; None where there is nothing to check.
        verdict: ``"supports"``: a passage says it, and none clearly denies it; ``"denies"``: none says it,
            and one says the opposite; ``"differs"``: in nearly the same words they speak of another thing;
            ``"conflicting"``: one says it and another clearly denies it; None: no passage says anything of
            it, or there is nothing to check.
        passages: those that say something of it, best first: what supports, then what denies, then what
            differs, each by its probability.
        read: how many passages were read with it; the others were farther from it.
    """

    text: str
    span: tuple[int, int]
    claim: str | None
    verdict: SentenceVerdict | None
    passages: tuple[CheckedPassage, ...]
    read: int

    @property
    def checked(self) -> bool:
        """Whether there was something to check."""
        return self.claim is not None


@dataclass(frozen=True)
class CheckedAnswer:
    """The sentences of an answer, in its order, each checked against the same passages."""

    answer: str
    sentences: tuple[CheckedSentence, ...]

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[CheckedSentence]:
        return iter(self.sentences)

    def __getitem__(self, place: int) -> CheckedSentence:
        return self.sentences[place]

    @property
    def supported(self) -> tuple[CheckedSentence, ...]:
        """Sentences that a passage supports and none clearly denies."""
        return tuple(one for one in self.sentences if one.verdict == "supports")

    @property
    def flagged(self) -> tuple[CheckedSentence, ...]:
        """Sentences that a passage denies or differs from, also those that another one supports."""
        return tuple(one for one in self.sentences if one.verdict not in ("supports", None))

    @property
    def unsupported(self) -> tuple[CheckedSentence, ...]:
        """Sentences that were checked and of which no passage says anything."""
        return tuple(one for one in self.sentences if one.checked and one.verdict is None)

    @property
    def faithfulness(self) -> float | None:
        """Share of the checked sentences that are supported, in [0, 1]; None where none was checked."""
        checked = sum(one.checked for one in self.sentences)
        return len(self.supported) / checked if checked else None

    def to_dict(self) -> dict[str, Any]:
        """Lists, strings and numbers alone; of a passage not its text, but the words that decided."""
        sentences = [
            {
                "text": one.text,
                "span": list(one.span),
                "claim": one.claim,
                "verdict": one.verdict,
                "read": one.read,
                "passages": [
                    {
                        "index": passage.index,
                        "verdict": passage.verdict,
                        "support": passage.support,
                        "denial": passage.denial,
                        "mismatch": passage.mismatch,
                        "evidence": list(passage.evidence),
                        "quote": passage.quote,
                    }
                    for passage in one.passages
                ],
            }
            for one in self.sentences
        ]
        return {"answer": self.answer, "faithfulness": self.faithfulness, "sentences": sentences}
