"""CompositionalReranker: settings, loaded at first use, and what can be asked of a reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from compositional_rerank._validation import (
    check_aligned,
    check_answer,
    check_bound,
    check_choice,
    check_count,
    check_denials,
    check_own_text,
    check_query,
    check_retrieval_scores,
    check_texts,
    check_timeout,
)
from compositional_rerank.checkpoints.loaded_reranker import LoadedReranker
from compositional_rerank.concurrency.deadline import in_thread, too_late
from compositional_rerank.concurrency.late import ON_TIMEOUT, OnTimeout, as_they_came, in_time
from compositional_rerank.results import CheckedAnswer, PairScores, Ranking, Verdict

if TYPE_CHECKING:
    from compositional_rerank.encoding.encoded_text import EncodedText
    from compositional_rerank.scoring.calibration import Denials


class CompositionalReranker(LoadedReranker):
    """Ranks passages by MaxSim relevance, more for answers, less for structural near-misses.

    The constructor checks the settings and loads nothing; the model is loaded at first use, once, whichever
    thread comes first. `from_pretrained` loads at once. Copies share what is loaded; a pickle holds the
    settings, and the unpickled object loads anew. One object serves any number of threads.

    Args:
        model: a checkpoint of this library, or any sentence-transformers model for plain MaxSim; None is the
            shipped default.
        device: torch device name; None or ``"auto"`` picks an accelerator where there is one.
        backend: what runs the networks: ``"torch"``, float32 for token embeddings; or ``"openvino"``, on the
            CPU, bfloat16 where it is native. The first use of a model with OpenVINO exports it.
        store: where passages' token embeddings are kept: a store, the folder of a `FileStore`, or the address
            of a `RedisStore`, such as ``"redis://host:6379/0"``; None is a `MemoryStore` of 1 GiB.
        on_store_error: what happens where the store does not work: ``"encode"``: passages are encoded without
            it, with one warning; or ``"raise"``.
        on_missing_verifier: what happens where the checkpoint's verifier is missing or damaged: ``"raise"``;
            or ``"maxsim"``: a warning, and rankings by MaxSim alone, which `Ranking.degraded` says.

    Raises:
        InputError: an argument is wrong, or the device is not on this machine.
        StoreError: the store's address is wrong.
        MissingDependencyError: OpenVINO is not installed.

    Example:
        >>> reranker = CompositionalReranker.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        >>> ranking = reranker.rerank("Who wrote Faust?", ["Paris is in France.", "Goethe wrote Faust."])
        >>> [result.index for result in ranking]
        [1, 0]
    """

    def rerank(
        self,
        query: str,
        passages: Sequence[str],
        top_n: int | None = None,
        *,
        retrieval_scores: Sequence[float | None] | None = None,
        own_text: Sequence[tuple[int, int] | None] | None = None,
        denials: Denials = "auto",
        max_verified: int | None = None,
        min_score: float | None = None,
        max_mismatch: float | None = None,
        timeout: float | None = None,
        on_timeout: OnTimeout = "raise",
    ) -> Ranking:
        """Rank passages for a query, best first. None is dropped unless one of the three cuts is asked for.

        Args:
            query: the question or statement; not blank.
            passages: candidates of any length, in any ordered collection; none, and blank ones, are fine.
            top_n: keep this many of the best, at least 1; None keeps all.
            retrieval_scores: what the retriever gave, one for each passage; carried along, never used.
            own_text: characters ``(start, stop)`` of each passage that may be evidence, where titles or
                metadata stand around it; None is all of it.
            denials: whether a passage that denies the query is a near-miss: ``"auto"`` for everything but
                yes/no questions, ``"keep"`` never (a fact checker), ``"penalise"`` always.
            max_verified: how many passages are read at most, at least 0; None is the checkpoint's.
            min_score: drop passages whose score is below it; None drops none.
            max_mismatch: drop passages whose mismatch, in [0, 1], is above it; unverified ones stay.
            timeout: seconds that it may take, loading the model included, above 0; None is no limit.
            on_timeout: what happens then: ``"raise"``; or ``"keep"``: the passages come back as they came in,
                without scores, which `Ranking.degraded` says.

        Raises:
            InputError: a value cannot be used; raised before any work starts.
            DeadlineError: it took longer than ``timeout``.
            StoreError: the store failed, and ``on_store_error`` is ``"raise"``.
        """
        query = check_query(query)
        texts = check_texts(passages, "passages")
        top_n = check_count(top_n, "top_n")
        min_score = check_bound(min_score, "min_score", -1e6, 1e6)
        max_mismatch = check_bound(max_mismatch, "max_mismatch", 0.0, 1.0)
        given = check_retrieval_scores(retrieval_scores, len(texts))
        candidates = check_own_text(own_text, texts)
        check_denials(denials)
        check_count(max_verified, "max_verified", least=0)
        timeout = check_timeout(timeout)
        keep = check_choice(on_timeout, "on_timeout", ON_TIMEOUT) == "keep"
        if not texts:
            return Ranking(query, ())

        def ranked() -> Ranking:
            from compositional_rerank._engine import Policy

            engine = self._loaded()
            results = engine.rank(engine.query(query), candidates, given, Policy(denials, max_verified))
            kept = [result for result in results if result.within(min_score, max_mismatch)]
            return Ranking(query, tuple(kept[:top_n]), engine.degraded)

        return in_time(ranked, timeout, as_they_came(query, texts, given, top_n) if keep else None)

    async def arerank(
        self,
        query: str,
        passages: Sequence[str],
        top_n: int | None = None,
        *,
        timeout: float | None = None,
        on_timeout: OnTimeout = "raise",
        **options: Any,
    ) -> Ranking:
        """`rerank` for asyncio, in a thread of the event loop's pool, for which it may have to wait.

        A task that is cancelled, or late, stops computing at its next batch. The arguments and the errors are
        those of `rerank`; ``timeout`` counts the waiting, too.

        Example:
            >>> work = CompositionalReranker().arerank("Who wrote Faust?", ["Goethe wrote Faust."])
            >>> asyncio.run(work)[0].verdict
            'supports'
        """
        texts = check_texts(passages, "passages")
        check_choice(on_timeout, "on_timeout", ON_TIMEOUT)
        seconds = check_timeout(timeout)
        try:
            work = in_thread(partial(self.rerank, query, texts, top_n, **options))
            return await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:
            if on_timeout == "raise" or seconds is None:
                raise too_late(seconds or 0.0) from None
        given = check_retrieval_scores(options.get("retrieval_scores"), len(texts))
        return as_they_came(query, texts, given, top_n)

    def verify(
        self,
        query: str,
        passages: Sequence[str],
        *,
        own_text: Sequence[tuple[int, int] | None] | None = None,
        denials: Denials = "auto",
    ) -> list[Verdict]:
        """One `Verdict` for each passage, in their order: every one is read, however far from the query.

        The arguments are those of `rerank`; ``denials`` decides what ``mismatch`` counts.

        Raises:
            InputError: a value cannot be used, or the model has no verifier.

        Example:
            >>> passages = ["Water damage is not covered by the warranty."]
            >>> CompositionalReranker().verify("Does the warranty cover water damage?", passages)[0].verdict
            'denies'
        """
        query = check_query(query)
        candidates = check_own_text(own_text, check_texts(passages, "passages"))
        check_denials(denials)
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
            own_text: as in `rerank`.
            max_verified: how many passages are read with each sentence, at least 1, the closest to it first;
                None is the checkpoint's number.

        Raises:
            InputError: a value cannot be used, or the model has no verifier.

        Example:
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

    def score_pairs(
        self, texts1: Sequence[str], texts2: Sequence[str], *, show_progress: bool = False
    ) -> PairScores:
        """Score ``n`` aligned pairs: queries, none of them blank, and passages; bars are drawn on stderr.

        Raises:
            InputError: the lists differ in length, or a text cannot be used.
        """
        queries, passages = check_aligned(texts1, texts2, ("texts1", "texts2"), check_query)
        return self._loaded().score_pairs(queries, passages, show_progress)

    def encode_passages(self, passages: Sequence[str], *, show_progress: bool = False) -> list[EncodedText]:
        """Token embeddings of passages: what the store lacks is encoded, with a bar on stderr, and kept.

        Raises:
            StoreError: the store could not keep the new ones.
        """
        return self._loaded().encoded(check_texts(passages, "passages"), show_progress, must_keep=True)

    def warm(self, passages: Sequence[str], progress: Callable[[int, int], None] | None = None) -> None:
        """Encode the passages that the store lacks and keep them, so that queries find them there.

        Args:
            passages: exactly the texts that will be reranked; equal ones are encoded once.
            progress: called after each write with the number of passages and of their tokens.

        Raises:
            StoreError: the store could not keep them; what it kept before stays.

        Example:
            >>> reranker = CompositionalReranker("sentence-transformers/all-MiniLM-L6-v2")
            >>> reranker.warm(["Goethe wrote Faust.", "Paris is in France.", "Goethe wrote Faust."])
            >>> len(reranker.store)
            2
        """
        from compositional_rerank.store.warming import warm

        warm(self.encode_passages, check_texts(passages, "passages"), progress)
