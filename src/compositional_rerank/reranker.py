"""CompositionalReranker: settings, loaded at first use, and what can be asked of a reranker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from compositional_rerank._validation import (
    SHIPPED,
    check_aligned,
    check_bound,
    check_count,
    check_own_text,
    check_query,
    check_retrieval_scores,
    check_texts,
    check_vectors,
)
from compositional_rerank.results import PairScores, Ranking
from compositional_rerank.verification.verifying import VerifyingReranker

if TYPE_CHECKING:
    from compositional_rerank.encoding.encoded_text import EncodedText
    from compositional_rerank.scoring.calibration import Denials
    from compositional_rerank.scoring.policy import NearMisses, Order, Threshold


class CompositionalReranker(VerifyingReranker):
    """Ranks passages by MaxSim relevance, more for answers, less for structural near-misses.

    The constructor checks the settings and loads nothing; the model is loaded at first use, once, whichever
    thread comes first. `from_pretrained` loads at once. Copies share what is loaded; a pickle holds the
    settings, and the unpickled object loads anew. One object serves any number of threads.

    Args:
        model: a checkpoint of this library, for what ``encoder`` and ``verifier`` do not name; None is the
            shipped one. Any other model ranks by plain MaxSim and judges nothing, which a warning says.
        encoder: makes token embeddings: any sentence-transformers model, a late-interaction model
            (sentence-transformers, PyLate, ColBERT), or a checkpoint for its stage one. ``"none"`` does
            without, and the order is the retriever's or that of your own vectors.
        verifier: judges near-misses: a checkpoint, or a cross-encoder trained on natural language inference,
            which judges statements alone. ``"none"`` judges nothing.
        device: torch device name; None or ``"auto"`` picks an accelerator where there is one.
        backend: what runs the networks: ``"torch"``, float32 for token embeddings; or ``"openvino"``, on the
            CPU, bfloat16 where it is native. The first use of a model with OpenVINO exports it.
        store: where passages' token embeddings are kept: a store, or the folder of a `FileStore`; None is a
            `MemoryStore` of 1 GiB.

    Raises:
        InputError: the backend is unknown, the device is not on this machine, or all three names are given.
        MissingDependencyError: OpenVINO is not installed.

    Example:
        >>> reranker = CompositionalReranker.from_pretrained(encoder="all-MiniLM-L6-v2", verifier="none")
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
        query_vector: Any = None,
        vectors: Any = None,
        order: Order = "auto",
        near_misses: NearMisses = "demote",
        threshold: Threshold = SHIPPED,
        denials: Denials = "auto",
        max_verified: int | None = None,
        min_score: float | None = None,
        max_mismatch: float | None = None,
    ) -> Ranking:
        """Rank passages for a query, best first. None is dropped but by cuts and ``near_misses="drop"``.

        Args:
            query: the question or statement; not blank.
            passages: candidates of any length, in any ordered collection, as the retriever ranked them, best
                first; none, and blank ones, are fine.
            top_n: keep this many of the best, at least 1; None keeps all.
            retrieval_scores: what the retriever gave, one for each passage, higher is better. Where some are
                None or no finite number, or rise from a passage to the next, the places in the list count.
            own_text: characters ``(start, stop)`` of each passage that may be evidence, where titles or
                metadata stand around it; None is all of it.
            query_vector: with ``encoder="none"``, the query's vector ``[d]``, or ``[Tq, d]`` of a
                late-interaction model, from whatever made ``vectors``.
            vectors: with ``encoder="none"``, one ``[d]`` or ``[T, d]`` for each passage, as your store holds
                them: relevance is then their cosine or MaxSim with ``query_vector``.
            order: what verdicts change: ``"retriever"`` keeps the order and the scores that came in,
                ``"relevance"`` is the order of MaxSim, ``"mix"`` a mixture of both, ``"auto"`` that
                mixture, or the relevance where there are no scores and the list seems to be in no order.
            near_misses: what becomes of them: ``"demote"`` puts them behind all that are none, ``"penalise"``
                only lowers their scores, ``"drop"`` leaves them out, ``"mark"`` leaves them where they are.
            threshold: mismatch from which a passage is a near-miss, in [0, 1]; ``"shipped"`` is the model's.
            denials: whether a passage that denies the query is a near-miss: ``"auto"`` for everything but
                yes/no questions, ``"keep"`` never (a fact checker), ``"penalise"`` always.
            max_verified: how many passages are read at most, at least 0; None is the checkpoint's.
            min_score: drop passages whose score is below it; None drops none.
            max_mismatch: drop passages whose mismatch, in [0, 1], is above it; unverified ones stay.

        Raises:
            InputError: a value cannot be used; raised before any work starts.
        """
        query = check_query(query)
        texts = check_texts(passages, "passages")
        top_n = check_count(top_n, "top_n")
        min_score = check_bound(min_score, "min_score", -1e6, 1e6)
        max_mismatch = check_bound(max_mismatch, "max_mismatch", 0.0, 1.0)
        given = check_retrieval_scores(retrieval_scores, len(texts))
        candidates = check_own_text(own_text, texts)
        from compositional_rerank.scoring.policy import Policy  # loading torch takes seconds

        policy = Policy(order, near_misses, threshold, denials, max_verified)
        check_vectors(query_vector, vectors, self.settings["encoder"])
        if not texts:
            return Ranking(query, ())
        own = None
        if vectors is not None:
            from compositional_rerank.scoring.vectors import vector_relevance

            own = vector_relevance(query_vector, vectors, len(texts))
        engine = self._loaded()
        results = engine.rank(engine.query(query), candidates, given, policy, own)
        kept = [result for result in results if result.within(min_score, max_mismatch)]
        return Ranking(query, tuple(kept[:top_n]))

    def score_pairs(
        self,
        texts1: Sequence[str],
        texts2: Sequence[str],
        *,
        near_misses: NearMisses = "demote",
        threshold: Threshold = SHIPPED,
        show_progress: bool = False,
    ) -> PairScores:
        """Score ``n`` aligned pairs: queries, none of them blank, and passages; bars are drawn on stderr.

        ``near_misses`` and ``threshold`` are as in `rerank`, and the scores those of ``order="relevance"``.

        Raises:
            InputError: the lists differ in length, or a value cannot be used.
        """
        queries, passages = check_aligned(texts1, texts2, ("texts1", "texts2"), check_query)
        from compositional_rerank.scoring.policy import Policy

        policy = Policy("relevance", near_misses, threshold)
        return self._loaded().score_pairs(queries, passages, policy, show_progress)

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
            progress: called after each step with its number of passages and of new tokens.

        Raises:
            EncodingError: passages could not be encoded; all others are kept. `warming.warm` reports instead.
            StoreError: the store could not keep them; what it kept before stays.

        Example:
            >>> reranker = CompositionalReranker()
            >>> reranker.warm(["Goethe wrote Faust.", "Paris is in France.", "Goethe wrote Faust."])
            >>> len(reranker.store)
            2
        """
        from compositional_rerank.warming import warm

        warm(self, passages, progress=progress).raise_failed()
