"""Explanations of pairs, on the real model."""

from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker
from compositional_rerank.errors import InputError
from compositional_rerank.explaining import Explanation, explain, to_html, to_text
from compositional_rerank.explaining.links import links_of
from compositional_rerank.explaining.word_pieces import merge_pieces

QUERY = "Rome is closer than Paris"
PASSAGE = (
    "Many travellers assume that Paris is closer than Rome. "
    "For our colleagues in Naples it is the other way round: Rome is closer than Paris. "
    "The trip takes about an hour by train."
)


@pytest.fixture(scope="module")
def pair(reranker: CompositionalReranker) -> Explanation:
    return explain(reranker, QUERY, PASSAGE)


def _words(reranker: CompositionalReranker, text: str) -> list[str]:
    (encoded,) = reranker.encode_passages([text])
    return [
        word.text for word in merge_pieces(text, [(start, stop) for start, stop in encoded.offsets.tolist()])
    ]


def test_word_pieces_are_merged(reranker: CompositionalReranker) -> None:
    assert _words(reranker, "Unbelievably, don't take 1,000.5 mg at 10:30.") == [
        "Unbelievably", ",", "don't", "take", "1,000.5", "mg", "at", "10:30", ".",
    ]  # fmt: skip
    assert _words(reranker, "'quoted' naïve 日本") == ["'", "quoted", "'", "naïve", "日", "本"]
    assert _words(reranker, "e\u0301te\u0301") == ["e\u0301te\u0301"]


def test_words_with_leading_space_in_their_offsets() -> None:
    assert [word.text for word in merge_pieces("a bc d", [(0, 1), (1, 3), (3, 4), (4, 6), (6, 6)])] == [
        "a",
        "bc",
        "d",
    ]


def test_scores_are_those_of_the_ranking(reranker: CompositionalReranker, pair: Explanation) -> None:
    (result,) = reranker.rerank(QUERY, [PASSAGE])
    assert (pair.relevance, pair.mismatch, pair.score) == (result.relevance, result.mismatch, result.score)


def test_similarities_of_whole_words_are_the_cosines(
    reranker: CompositionalReranker, pair: Explanation
) -> None:
    (query,) = reranker.encoder.encode([QUERY], task="query")
    (passage,) = reranker.encode_passages([PASSAGE])
    cosines = (query.vectors @ passage.vectors.T).numpy()
    for row, query_word in enumerate(pair.query_words):
        for column, word in enumerate(pair.passage_words):
            block = cosines[slice(*query_word.tokens), slice(*word.tokens)]
            assert pair.similarities[row, column] == pytest.approx(block.max(axis=1).mean(), abs=1e-5)


def test_matches_and_segments(pair: Explanation) -> None:
    for match in pair.matches:
        assert match.similarity == pair.similarities[match.query_word].max()
        first, last = pair.segments[match.segment].words
        assert first <= match.passage_word < last
    assert [segment.words[0] for segment in pair.segments[1:]] == [
        segment.words[1] for segment in pair.segments[:-1]
    ]
    assert all(PASSAGE[segment.start : segment.stop] == segment.text for segment in pair.segments)
    assert pair.best_segments()[2] == 2


def test_a_swap_shows_as_moved_words(pair: Explanation) -> None:
    rows = list(range(5))
    swapped = links_of(pair, rows, list(range(*pair.segments[0].words)))
    kept = links_of(pair, rows, list(range(*pair.segments[1].words)))
    assert [pair.query_words[row].text for row in rows if swapped.moved[row]] == ["Rome", "Paris"]
    assert not any(kept.moved)


@pytest.mark.parametrize("passage", ["", " \n ", "\ud800", "\u200b"])
def test_passages_without_words(reranker: CompositionalReranker, passage: str) -> None:
    explanation = explain(reranker, QUERY, passage)
    for shown in (to_text(explanation), to_html(explanation), explanation.to_json()):
        shown.encode()


def test_bad_input(reranker: CompositionalReranker) -> None:
    with pytest.raises(InputError, match="blank"):
        explain(reranker, " ", PASSAGE)
    with pytest.raises(InputError, match="passage must be a str"):
        explain(reranker, QUERY, None)  # type: ignore[arg-type]


def test_json_round_trip(pair: Explanation) -> None:
    record = json.loads(pair.to_json())
    assert record == pair.to_dict()
    assert np.shape(record["similarities"]) == pair.similarities.shape


@pytest.mark.parametrize("width", [0, 40, 72, 200])
def test_text_fits_the_terminal(pair: Explanation, width: int) -> None:
    lines = to_text(pair, width).splitlines()
    table = next(index for index, line in enumerate(lines) if line.startswith("query word"))
    assert max(map(len, lines[:table])) <= max(width, 40)
    assert sum(line.startswith("> ") for line in lines) == 1


@pytest.mark.parametrize(
    ("mismatch", "verifier", "said"),
    [
        (None, False, "no verifier"),
        (None, True, "too far from the query"),
        (0.93, True, "near-miss"),
        (0.02, True, "no near-miss"),
    ],
)
def test_verdicts(pair: Explanation, mismatch: float | None, verifier: bool, said: str) -> None:
    verified = dataclasses.replace(
        pair, mismatch=mismatch, has_verifier=verifier, threshold=0.5 if verifier else None
    )
    assert said in verified.verdict
    assert said in " ".join(to_text(verified).split())
    assert said in to_html(verified)
    assert verified.to_dict()["mismatch"] == mismatch


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_is_self_contained(pair: Explanation) -> None:
    page = to_html(pair)
    tags = _Tags(page)
    assert not tags.tags & {"script", "link", "img", "iframe", "object"}
    assert not tags.names & {"src", "href"}
    assert "url(" not in page
    assert "@import" not in page
    for needed in ('<html lang="en">', 'name="viewport"', "<title>Rome is closer than Paris", "charset"):
        assert needed in page


def test_long_pages_stay_small_and_say_what_they_leave_out(reranker: CompositionalReranker) -> None:
    page = to_html(explain(reranker, QUERY, "Rome Paris and Oslo without a stop " * 300))
    assert len(page) < 1_500_000
    assert "Shown are the 120 closest of the segment’s 2100 words" in page


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(
        alphabet=st.one_of(st.sampled_from("<>&\"'/=!-` \n\x00\ud800"), st.characters()), max_size=60
    )
)
def test_page_escapes_anything(reranker: CompositionalReranker, pair: Explanation, text: str) -> None:
    hostile = f"{text}</title></style></svg><script>x</script><b onclick='x'>\"{text}"
    plain, tags = _Tags(to_html(pair)), _Tags(to_html(explain(reranker, hostile, hostile)))
    assert tags.tags <= plain.tags
    assert tags.names <= plain.names
