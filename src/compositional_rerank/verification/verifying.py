"""What can be asked of a reranker's verifier beside a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compositional_rerank._validation import (
    DENIALS,
    check_aligned,
    check_answer,
    check_choice,
    check_count,
    check_own_text,
    check_query,
    check_texts,
)
from compositional_rerank.checkpoints.loaded_reranker import LoadedReranker
from compositional_rerank.results import CheckedAnswer, Verdict

if TYPE_CHECKING:
    from compositional_rerank.scoring.calibration import Denials


class VerifyingReranker(LoadedReranker):
    """A reranker's verdicts without a ranking: on passages, pairs of questions, and answers."""

    def verify(
        self,
        query: str,
        passages: Sequence[str],
        *,
        own_text: Sequence[tuple[int, int] | None] | None = None,
        denials: Denials = "auto",
    ) -> list[Verdict]:
        """One `Verdict` for each passage, in their order: every one is read, however far from the query.

        Arguments are those of `CompositionalReranker.rerank`; ``denials`` decides what ``mismatch`` counts.

        Raises:
            InputError: a value cannot be used, or the model has no verifier.

        Example:
            >>> from compositional_rerank import CompositionalReranker
            >>> passages = ["Water damage is not covered by the warranty."]
            >>> CompositionalReranker().verify("Does the warranty cover water damage?", passages)[0].verdict
            'denies'
        """
        query = check_query(query)
        candidates = check_own_text(own_text, check_texts(passages, "passages"))
        check_choice(denials, "denials", DENIALS)
        engine = self._loaded()
        engine.need_verifier()
        return engine.verify(engine.query(query), candidates, denials) if candidates else []

    def same_question(self, cached: str, new: str) -> Verdict:
        """Whether the answer to a cached question answers a new one: `same_questions` of one pair."""
        return self.same_questions([cached], [new])[0]

    def same_questions(self, cached: Sequence[str], new: Sequence[str]) -> list[Verdict]:
        """Compare ``n`` aligned pairs of questions, read whole; `Verdict` says what comes out.

        Raises:
            InputError: the lists differ in length, or hold what is no str, or the model has no verifier.
        """
        return self._loaded().same_questions(*check_aligned(cached, new, ("cached", "new")))

    def check(
        self,
        answer: str,
        passages: Sequence[str],
        *,
        own_text: Sequence[tuple[int, int] | None] | None = None,
        max_verified: int | None = None,
    ) -> CheckedAnswer:
        """Check a generated answer: what do the passages say of each of its sentences, and where?

        A sentence gets no verdict where there is nothing to check: questions, headings, tables, code.

        Args:
            answer: what a language model wrote, Markdown or plain; not blank.
            passages: what it was written from; none, and blank ones, are fine.
            own_text: as in `CompositionalReranker.rerank`.
            max_verified: how many passages are read with each sentence, at least 1, the closest to it first;
                None is the checkpoint's number.

        Raises:
            InputError: a value cannot be used, or the model has no verifier.

        Example:
            >>> from compositional_rerank import CompositionalReranker
            >>> answer = "The office is closed on Sundays. Dogs are welcome."
            >>> checked = CompositionalReranker().check(answer, ["The office is closed on Sundays."])
            >>> [sentence.verdict for sentence in checked]
            ['supports', None]
        """
        answer = check_answer(answer)
        candidates = check_own_text(own_text, check_texts(passages, "passages"))
        check_count(max_verified, "max_verified")
        from compositional_rerank.checking.check import check

        return check(self._loaded(), answer, candidates, max_verified)
