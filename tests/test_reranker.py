from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from compositional_rerank import CompositionalReranker, FileStore, MemoryStore, TokenEncoder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import CompositionalRerankError, InputError, ModelNotFoundError, StoreError
from compositional_rerank.results import Verdict

QUERY = "Who wrote Faust?"
PASSAGES = ["Paris is in France.", "Goethe wrote Faust.", "Faust is a play.", "", "Goethe wrote Faust."]


def test_results_name_every_score(reranker: CompositionalReranker) -> None:
    ranking = reranker.rerank(QUERY, PASSAGES, retrieval_scores=[0.5, 1, None, np.float32(0.25), -2])
    assert ranking.query == QUERY
    assert [result.index for result in ranking] == [1, 4, 2, 0, 3]
    for result in ranking:
        assert result.text == PASSAGES[result.index]
        assert type(result.relevance) is type(result.score) is float
        assert -1 <= result.relevance <= 1
        assert result.verdict is result.support is result.mismatch is result.evidence is None
    assert {result.index: result.retrieval_score for result in ranking} == {
        0: 0.5,
        1: 1,
        2: None,
        3: 0.25,
        4: -2,
    }
    assert len(ranking) == 5
    assert ranking[0] is ranking.results[0]
    with pytest.raises(FrozenInstanceError):
        ranking[0].score = 1.0  # type: ignore[misc]


def test_relevance_is_the_mean_of_the_best_cosines(
    reranker: CompositionalReranker, encoder: TokenEncoder
) -> None:
    query = encoder.encode([QUERY], task="query")[0].vectors.double()
    for result in reranker.rerank(QUERY, PASSAGES[:3]):
        passage = encoder.encode([result.text], task="document")[0].vectors.double()
        assert result.relevance == pytest.approx(float((query @ passage.T).amax(1).mean()), abs=1e-5)


def test_a_text_is_all_relevant_to_itself(reranker: CompositionalReranker) -> None:
    assert reranker.rerank(QUERY, [QUERY])[0].relevance == pytest.approx(1, abs=1e-5)


def test_equal_scores_keep_the_incoming_order(reranker: CompositionalReranker) -> None:
    ranking = reranker.rerank(QUERY, ["b a", "", "b a", " ", "b a", "\u200b"])
    assert [result.index for result in ranking] == [0, 2, 4, 1, 3, 5]
    assert {result.relevance for result in ranking[3:]} == {-1.0}  # type: ignore[index]


def test_no_passages(reranker: CompositionalReranker, forwards: list[torch.Size]) -> None:
    assert reranker.rerank(QUERY, []).results == ()
    assert reranker.rerank(QUERY, (), retrieval_scores=[]).results == ()
    assert forwards == []


@pytest.mark.parametrize("top_n", [1, 2, 5, 6, 10**9])
def test_top_n_keeps_the_best(reranker: CompositionalReranker, top_n: int) -> None:
    assert reranker.rerank(QUERY, PASSAGES, top_n).results == reranker.rerank(QUERY, PASSAGES).results[:top_n]


def test_min_score_drops_what_is_below_it(reranker: CompositionalReranker) -> None:
    everything = reranker.rerank(QUERY, PASSAGES)
    limit = everything[2].score
    kept = reranker.rerank(QUERY, PASSAGES, min_score=limit)
    assert kept.results == everything.results[:3]
    assert reranker.rerank(QUERY, PASSAGES, min_score=2).results == ()
    assert reranker.rerank(QUERY, PASSAGES, 1, min_score=limit).results == everything.results[:1]


def test_max_mismatch_keeps_what_nobody_verified(reranker: CompositionalReranker) -> None:
    assert len(reranker.rerank(QUERY, PASSAGES, max_mismatch=0.0)) == len(PASSAGES)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 0.0, 1e300])
def test_retrieval_scores_that_say_nothing_are_carried(reranker: CompositionalReranker, score: float) -> None:
    plain = reranker.rerank(QUERY, PASSAGES)
    scored = reranker.rerank(QUERY, PASSAGES, retrieval_scores=[score] * 5)
    assert [result.index for result in plain] == [result.index for result in scored]
    assert [repr(result.retrieval_score) for result in scored] == [repr(float(score))] * 5


SCORES = [9.5, 7.25, 7.25, 3.0, -1.0]


def test_the_order_and_the_scores_of_the_retriever_are_kept(reranker: CompositionalReranker) -> None:
    kept = reranker.rerank(QUERY, PASSAGES, retrieval_scores=SCORES, order="retriever")
    assert [(result.index, result.score) for result in kept] == list(enumerate(SCORES))
    plain = reranker.rerank(QUERY, PASSAGES, order="relevance")
    assert {result.index: result.relevance for result in kept} == {
        result.index: result.relevance for result in plain
    }


@pytest.mark.parametrize("scores", [None, [0.1, 0.2, 0.3, 0.4, 0.5], [0.5, None, 0.3, 0.2, 0.1]])
def test_an_order_without_scores_is_kept_too(reranker: CompositionalReranker, scores: Any) -> None:
    kept = reranker.rerank(QUERY, PASSAGES, retrieval_scores=scores, order="retriever")
    assert [result.index for result in kept] == list(range(5))
    assert [result.score for result in kept] == pytest.approx([1 / math.log2(2 + i) for i in range(5)])


def test_a_mixed_order_lies_between_both(reranker: CompositionalReranker) -> None:
    texts = ["Goethe wrote Faust.", "Faust is a play.", "Paris is in France.", "Rome is in Italy."]
    relevance = [result.index for result in reranker.rerank(QUERY, texts, order="relevance")]
    assert relevance[0] == 0
    turned = [texts[index] for index in reversed(relevance)]
    mixed = reranker.rerank(QUERY, turned, retrieval_scores=[0.9, 0.3, 0.2, 0.1], order="mix")
    order = [result.index for result in mixed]
    assert order[0] == 3  # far more relevant
    assert order.index(0) < order.index(1)  # a little less relevant, and far in front
    equal = reranker.rerank(QUERY, turned, retrieval_scores=[0.5] * 4, order="mix")
    assert [result.index for result in equal] == [3, 2, 1, 0]


@pytest.mark.parametrize("order", ["auto", "mix", "relevance", "retriever"])
def test_equal_texts_get_equal_scores_unless_their_own_are_kept(
    reranker: CompositionalReranker, order: Any
) -> None:
    results = reranker.rerank(QUERY, PASSAGES, retrieval_scores=SCORES, order=order)
    first, second = (result for result in results if result.text == PASSAGES[1])
    assert (first.score == second.score) == (order != "retriever")


def test_thousands_of_candidates_all_come_back(reranker: CompositionalReranker) -> None:
    texts = [f"item {index % 150} of the list" for index in range(5000)]
    ranking = reranker.rerank("item 77", texts)
    assert sorted(result.index for result in ranking) == list(range(5000))
    assert {result.text for result in ranking.results[:33]} == {"item 77 of the list"}
    scores = [result.score for result in ranking]
    assert scores == sorted(scores, reverse=True)


def test_odd_but_right_input(reranker: CompositionalReranker) -> None:
    texts = (
        np.str_("Goethe wrote Faust."),
        "Goethe \ud800wrote Faust.",
        "[SEP] [CLS] [PAD] [MASK] [UNK]",
        "\x00",
        "x" * 100_000,
        "日本語 العربية 😀",
        "\n",
    )
    ranking = reranker.rerank(np.str_(QUERY), texts)
    assert sorted(result.index for result in ranking) == list(range(len(texts)))
    assert ranking[0].index in (0, 1)
    assert all(math.isfinite(result.score) for result in ranking)


def test_a_query_with_a_lone_surrogate(reranker: CompositionalReranker) -> None:
    assert reranker.rerank("Who wrote \udfffFaust?", PASSAGES)[0].index == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", PASSAGES), "query is blank"),
        ((" \n", PASSAGES), "query is blank"),
        ((None, PASSAGES), "query must be a str, got NoneType"),
        ((b"Who?", PASSAGES), "query must be a str, got bytes"),
        (("\u200b", PASSAGES), "no token"),
        ((QUERY, None), "passages must be a list of str, got NoneType"),
        ((QUERY, "one text"), "wrap a single text in a list"),
        ((QUERY, {"a": 1}), "passages must be a list of str, got dict"),
        ((QUERY, set(PASSAGES)), "passages must be a list of str, got set"),
        ((QUERY, b"one text"), "wrap a single text in a list"),
        ((QUERY, ["a", None]), r"passages\[1\] must be a str, got NoneType"),
        ((QUERY, ["a", 3, None]), r"passages\[1\] must be a str, got int: 3"),
        ((QUERY, [float("nan")]), r"passages\[0\] must be a str, got float"),
        ((QUERY, PASSAGES, 0), "top_n must be at least 1, got 0"),
        ((QUERY, PASSAGES, -3), "top_n must be at least 1, got -3"),
        ((QUERY, PASSAGES, True), "top_n must be an int or None, got bool"),
        ((QUERY, PASSAGES, 2.0), "top_n must be an int or None, got float"),
        ((QUERY, PASSAGES, "2"), "top_n must be an int or None, got str"),
    ],
)
def test_bad_arguments_are_named_before_any_work(
    reranker: CompositionalReranker, forwards: list[torch.Size], arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        reranker.rerank(*arguments)
    assert forwards == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": math.nan}, r"min_score must be in \[-1e\+06, 1e\+06\], got nan"),
        ({"min_score": math.inf}, "min_score must be in"),
        ({"min_score": 10**400}, "min_score must be in"),
        ({"min_score": "0.5"}, "min_score must be a number or None, got str"),
        ({"min_score": True}, "min_score must be a number or None, got bool"),
        ({"max_mismatch": 1.01}, r"max_mismatch must be in \[0, 1\], got 1.01"),
        ({"max_mismatch": -0.1}, r"max_mismatch must be in \[0, 1\]"),
        ({"retrieval_scores": [1.0]}, "1 entries for 5 passages"),
        ({"retrieval_scores": []}, "0 entries for 5 passages"),
        ({"retrieval_scores": (score for score in [1.0] * 5)}, "must be a list of numbers, got generator"),
        ({"retrieval_scores": {1, 2, 3, 4, 5}}, "must be a list of numbers, got set"),
        ({"retrieval_scores": 0.5}, "must be a list of numbers, got float"),
        (
            {"retrieval_scores": [0, 0, 0, 0, "high"]},
            r"retrieval_scores\[4\] must be a number or None, got str",
        ),
        ({"retrieval_scores": [True] * 5}, r"retrieval_scores\[0\] must be a number or None, got bool"),
        ({"denials": "sometimes"}, "denials 'sometimes' is unknown; choose one of: auto, keep, penalise"),
        ({"denials": None}, "denials None is unknown"),
        ({"max_verified": -1}, "max_verified must be at least 0, got -1"),
        ({"max_verified": 1.0}, "max_verified must be an int or None, got float"),
        ({"own_text": [None]}, "own_text has 1 entries for 5 passages"),
        ({"own_text": "all"}, "own_text must be a list of"),
        (
            {"own_text": [(0, 3)] * 3 + [(0, 1), None]},
            r"own_text\[3\] must be None or \(start, stop\) within",
        ),
        ({"own_text": [(3, 2)] * 5}, r"own_text\[0\] must be None or"),
        ({"own_text": [(0, True)] * 5}, r"own_text\[0\] must be None or"),
    ],
)
def test_bad_options_are_named_before_any_work(
    reranker: CompositionalReranker, forwards: list[torch.Size], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        reranker.rerank(QUERY, PASSAGES, **options)
    assert forwards == []


@pytest.mark.parametrize(
    "collection",
    [tuple, iter, np.array, pd.Series, lambda texts: np.array(texts, dtype=object)],
)
def test_any_ordered_collection_of_passages(
    reranker: CompositionalReranker, collection: Callable[[list[str]], Any]
) -> None:
    ranking = reranker.rerank(QUERY, collection(PASSAGES), np.int64(3), min_score=np.float32(-1))
    assert ranking == reranker.rerank(QUERY, PASSAGES, 3, min_score=-1.0)
    assert all(type(result.text) is str for result in ranking)


def test_passages_are_not_changed(reranker: CompositionalReranker) -> None:
    passages, scores = list(PASSAGES), [0.5] * 5
    reranker.rerank(QUERY, passages, 2, retrieval_scores=scores)
    assert passages == PASSAGES
    assert scores == [0.5] * 5


def test_a_store_of_the_users_own(reranker: CompositionalReranker) -> None:
    class Shelf:
        """A store that keeps everything and counts what it is asked for."""

        dtype = "float32"

        def __init__(self) -> None:
            self.entries: dict[bytes, EncodedText] = {}
            self.writes = 0

        def get(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
            return [self.entries.get(key) for key in keys]

        def put(self, entries: Mapping[bytes, EncodedText]) -> None:
            self.writes += len(entries)
            self.entries.update(entries)

    shelf = Shelf()
    own = CompositionalReranker.from_parts(reranker.encoder, name=reranker.name, store=shelf)
    assert own.rerank(QUERY, PASSAGES).results == own.rerank(QUERY, PASSAGES).results
    assert shelf.writes == len(set(PASSAGES))


def test_a_folder_is_a_store(tmp_path: Path, reranker: CompositionalReranker) -> None:
    own = CompositionalReranker.from_pretrained(DEFAULT_BASE, device="cpu", store=tmp_path / "store")
    first = own.rerank(QUERY, PASSAGES)
    assert FileStore(tmp_path / "store").describe()["passages"] == len(set(PASSAGES))
    assert [result.index for result in first] == [result.index for result in reranker.rerank(QUERY, PASSAGES)]
    with pytest.raises(StoreError, match="holds other files"):
        CompositionalReranker.from_pretrained(DEFAULT_BASE, store=str(tmp_path))


def test_without_a_store_passages_are_kept_in_int8(reranker: CompositionalReranker, tmp_path: Path) -> None:
    own = CompositionalReranker.from_parts(reranker.encoder, name=reranker.name)
    kept = CompositionalReranker.from_parts(reranker.encoder, name=reranker.name, store=FileStore(tmp_path))
    ranking, again, exact = (one.rerank(QUERY, PASSAGES) for one in (own, kept, reranker))
    assert own.store.dtype == kept.store.dtype == "int8"
    assert ranking.results == again.results
    by_index = {result.index: result.score for result in exact}
    assert all(abs(result.score - by_index[result.index]) < 0.002 for result in ranking)


def test_what_a_store_cannot_keep_is_scored(tmp_path: Path, reranker: CompositionalReranker) -> None:
    store = FileStore(tmp_path, "float32")
    nothing = torch.zeros(0, 4, dtype=torch.int32)
    store.put({b"k" * 32: EncodedText(torch.eye(1, 7), torch.zeros(1, 2).int(), torch.eye(1, 7)[0], nothing)})
    own = CompositionalReranker.from_parts(reranker.encoder, name=reranker.name, store=store)
    with pytest.warns(RuntimeWarning, match="scored and not kept: store .* use another folder"):
        ranking = own.rerank(QUERY, PASSAGES)
    exact = MemoryStore(dtype="float32")  # a fresh one: in other batches, last bits differ
    fresh = CompositionalReranker.from_parts(reranker.encoder, name=reranker.name, store=exact)
    assert ranking.results == fresh.rerank(QUERY, PASSAGES).results
    with pytest.raises(StoreError, match="use another folder"):
        own.encode_passages(PASSAGES)


STATEMENT, QUESTION = "The drug is safe for children.", "Is the drug safe for children?"
READ = [
    "The drug is not safe for children.",
    "The drug is safe for children, and it was tested in twelve towns.",
    "Keep the drug dry and cool. It is not for children.",
    "The museum opens at nine.",
]


def test_a_ranking_shows_the_verdicts(verifying: CompositionalReranker) -> None:
    ranking = verifying.rerank(STATEMENT, READ)
    verdicts = verifying.verify(STATEMENT, READ)
    assert any(result.mismatch is not None for result in ranking)
    for result in ranking:
        found = verdicts[result.index]
        if result.mismatch is None:  # not read
            assert result.closeness is result.verdict is result.support is result.evidence is None
            assert result.score == result.relevance
            continue
        assert (result.verdict, result.evidence) == (found.verdict, found.evidence)
        assert (result.support, result.mismatch) == pytest.approx((found.support, found.mismatch), abs=0.02)


def test_near_misses_fall_behind_everything_else(verifying: CompositionalReranker) -> None:
    assert verifying.threshold is not None
    passages = [f"{text} That was in year {year}." for text in READ for year in range(1990, 1996)]
    for query in (STATEMENT, QUESTION, "Who says that the drug is safe?"):
        ranking = verifying.rerank(query, passages)
        near_misses = [(result.mismatch or 0.0) >= verifying.threshold for result in ranking]
        assert near_misses == sorted(near_misses)


@pytest.mark.parametrize("most", [0, 1, 3, np.int64(2)])
def test_no_more_than_asked_for_are_verified(verifying: CompositionalReranker, most: int) -> None:
    ranking = verifying.rerank(STATEMENT, [*READ, *READ[:2]], max_verified=most)
    assert len({result.text for result in ranking if result.mismatch is not None}) == most
    if most == 0:
        assert all(result.score == result.relevance for result in ranking)


def test_equal_passages_get_equal_verdicts(verifying: CompositionalReranker) -> None:
    first, _, second = verifying.verify(STATEMENT, [READ[0], READ[3], READ[0]])
    assert first == second
    ranked = {result.index: result for result in verifying.rerank(STATEMENT, [READ[0], READ[3], READ[0]])}
    assert (ranked[0].mismatch, ranked[0].score) == (ranked[2].mismatch, ranked[2].score)


def by_text(mismatch: float | None, closeness: float | None) -> float:
    """What the verifier said before closeness counted; .55 is the fixture's least closeness."""
    assert mismatch is not None
    assert closeness is not None
    odds = mismatch / (1 - mismatch) * math.exp(max(0.0, 0.55 - closeness) / 0.04)
    return odds / (1 + odds)


def test_denials_are_as_bad_as_the_caller_says(verifying: CompositionalReranker) -> None:
    for query, answer in ((STATEMENT, False), (QUESTION, True), ("Who says that it is safe?", False)):
        auto, kept, punished = (
            verifying.verify(query, READ, denials=denials)
            for denials in ("auto", "keep", "penalise")  # type: ignore[arg-type]
        )
        closeness = [
            verifying.rerank(query, [text])[0].closeness for text in READ
        ]  # the first is always read
        for one, keep, punish, close in zip(auto, kept, punished, closeness, strict=True):
            assert (one.support, one.denial) == (keep.support, keep.denial) == (punish.support, punish.denial)
            assert one.mismatch == (keep if answer else punish).mismatch
            counted = by_text(punish.mismatch, close)
            assert counted == pytest.approx(by_text(keep.mismatch, close) + (keep.denial or 0), abs=1e-5)
    verdicts = verifying.verify(QUESTION, READ, denials="penalise")
    for result in verifying.rerank(QUESTION, READ, denials="penalise"):
        if result.mismatch is not None:
            assert result.mismatch == pytest.approx(verdicts[result.index].mismatch, abs=0.02)


def test_evidence_lies_in_the_own_text(verifying: CompositionalReranker) -> None:
    title = "The drug is safe for children."
    passages = [f"title: {title}\n\n{text}\n\nsummary: {title}" for text in READ]
    starts = [passage.index(text) for passage, text in zip(passages, READ, strict=True)]
    own = [(start, start + len(text)) for start, text in zip(starts, READ, strict=True)]
    framed = verifying.verify(STATEMENT, passages, own_text=own)
    for found, alone in zip(framed, verifying.verify(STATEMENT, READ), strict=True):
        assert found.support == pytest.approx(alone.support, abs=0.02)  # as if the titles were not there
    for result in verifying.rerank(STATEMENT, passages, own_text=own):
        if result.evidence is not None:
            start, stop = own[result.index]
            assert start <= result.evidence[0] < result.evidence[1] <= stop
    nothing = verifying.verify(STATEMENT, passages, own_text=[(3, 3)] * len(READ))
    assert nothing == [Verdict()] * len(READ)


@pytest.mark.parametrize("order", ["auto", "mix", "relevance", "retriever"])
@pytest.mark.parametrize("threshold", ["shipped", 0.0, 0.4])
def test_near_misses_are_demoted_penalised_dropped_or_marked(
    verifying: CompositionalReranker, order: Any, threshold: Any
) -> None:
    scores = [4.0 - place for place in range(len(READ))]
    found = {
        near_misses: verifying.rerank(
            STATEMENT,
            READ,
            retrieval_scores=scores,
            order=order,
            near_misses=near_misses,
            threshold=threshold,
        )
        for near_misses in ("demote", "penalise", "drop", "mark")
    }
    least = verifying.threshold if threshold == "shipped" else threshold
    for near_misses, ranking in found.items():
        for result in ranking:
            assert result.near_miss == (result.mismatch is not None and result.mismatch >= least)
            if order == "retriever" and (near_misses == "mark" or not result.near_miss):
                assert result.score == scores[result.index]
    places = [result.near_miss for result in found["demote"]]
    assert places == sorted(places)  # behind all that are none
    flagged = {result.index for result in found["mark"] if result.near_miss}
    assert len(found["demote"]) == len(found["mark"]) == len(found["penalise"]) == len(READ)
    assert [r.index for r in found["drop"]] == [r.index for r in found["demote"] if r.index not in flagged]
    before = {result.index: result.score for result in found["mark"]}
    assert all(result.score < before[result.index] for result in found["penalise"] if result.near_miss)


def test_a_verdict_says_whether_it_is_a_near_miss(verifying: CompositionalReranker) -> None:
    assert verifying.threshold is not None
    pairs = verifying.score_pairs([STATEMENT] * len(READ), READ, threshold=0.0)
    assert all(one.near_miss for one in pairs.verdicts if one.mismatch is not None)
    for one in [*verifying.verify(STATEMENT, READ), *verifying.same_questions([QUESTION], [QUESTION])]:
        assert one.near_miss == (one.mismatch is not None and one.mismatch >= verifying.threshold)


@pytest.mark.parametrize(
    "query", ["drug safety children", "What is it?", "Das Mittel ist nicht sicher und nicht gut."]
)
def test_what_asks_nothing_gets_no_verdict(verifying: CompositionalReranker, query: str) -> None:
    assert verifying.verify(query, READ) == [Verdict()] * len(READ)
    assert all(result.score == result.relevance for result in verifying.rerank(query, READ))


@pytest.mark.parametrize(
    "passage", ["", "Das Mittel ist nicht sicher und nicht gut.", "x = f(y); z = {}", "# Safety"]
)
def test_what_cannot_be_judged_gets_no_verdict(verifying: CompositionalReranker, passage: str) -> None:
    assert verifying.verify(STATEMENT, [passage]) == [Verdict()]
    assert verifying.verify(STATEMENT, [passage, READ[0]])[0] == Verdict()
    (result,) = verifying.rerank(STATEMENT, [passage])
    assert (result.mismatch, result.score) == (None, result.relevance)


def test_verify_wants_a_verifier_and_good_input(
    reranker: CompositionalReranker, verifying: CompositionalReranker
) -> None:
    assert verifying.verify(STATEMENT, []) == []
    for wrong, message in (
        (lambda: reranker.verify(STATEMENT, READ), "has no verifier"),
        (lambda: verifying.verify(" ", READ), "query is blank"),
        (lambda: verifying.verify(STATEMENT, READ[0]), "wrap a single text"),  # type: ignore[arg-type]
        (lambda: verifying.verify(STATEMENT, READ, denials="never"), "denials 'never'"),  # type: ignore[arg-type]
        (lambda: verifying.verify(STATEMENT, READ, own_text=[None]), "own_text has 1 entries"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


def test_pairs_are_verified_however_far_apart(
    reranker: CompositionalReranker, verifying: CompositionalReranker
) -> None:
    queries = [STATEMENT, QUESTION, "keywords alone", STATEMENT]
    pairs = verifying.score_pairs(queries, READ)
    for found, query, passage in zip(pairs.verdicts, queries, READ, strict=True):
        (alone,) = verifying.verify(query, [passage])
        assert (found.verdict, found.evidence) == (alone.verdict, alone.evidence)
        assert found.mismatch == pytest.approx(alone.mismatch, abs=0.02)
    assert pairs.mismatch is not None
    assert np.isnan(pairs.mismatch).tolist() == [False, False, True, False]
    assert reranker.score_pairs(queries, READ).mismatch is None
    assert verifying.score_pairs([], []).verdicts == ()


def test_pairs_score_as_they_rank(reranker: CompositionalReranker) -> None:
    queries = ["Who wrote Faust?", "Where is Paris?"]
    passages = ["Goethe wrote Faust.", "Paris is in France."]
    pairs = reranker.score_pairs(queries, passages)
    for place, (query, passage) in enumerate(zip(queries, passages, strict=True)):
        assert pairs.score[place] == pytest.approx(reranker.rerank(query, [passage])[0].score, abs=1e-5)
    assert len(reranker.score_pairs([], []).score) == 0


@pytest.mark.parametrize(
    "lists", [(["a"], []), (["a"], ["b", "c"]), ([""], ["b"]), ("a", ["b"]), (["a"], [None])]
)
def test_bad_pairs_are_an_error(reranker: CompositionalReranker, lists: tuple[Any, Any]) -> None:
    with pytest.raises(InputError):
        reranker.score_pairs(*lists)


def test_eight_threads_get_what_one_gets(fresh_reranker: CompositionalReranker) -> None:
    queries = [f"Who wrote book {index}?" for index in range(8)]
    passages = [f"Book {index} was written by author {index % 3}." for index in range(12)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: fresh_reranker.rerank(query, passages), queries))
    for query, ranking in zip(queries, together, strict=True):
        alone = fresh_reranker.rerank(query, passages)
        assert [result.score for result in ranking] == pytest.approx([r.score for r in alone], abs=1e-5)


@pytest.mark.parametrize(
    ("load", "error", "message"),
    [
        (
            lambda: CompositionalReranker.from_pretrained("no/such-model"),
            ModelNotFoundError,
            "'no/such-model'",
        ),
        (
            lambda: CompositionalReranker.from_pretrained(backend="tpu"),
            InputError,
            "backend 'tpu' is unknown",
        ),
        (lambda: CompositionalReranker.from_pretrained(""), InputError, "named by a str or a path"),
    ],
)
def test_what_cannot_be_loaded_is_named(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[], object], error: type[Exception], message: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(error, match=message) as caught:
        load()
    assert isinstance(caught.value, CompositionalRerankError)
