"""Explanations of pairs, on the real model."""

from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
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


STATEMENT = "The drug is safe for children."
READS = frozenset({"statement", "yes_no", "question"})
HEADING, SAID = "Drug safety", "The drug is not safe for children."
LEAFLET = f"{HEADING}\n\n{SAID} Keep it dry and cool."


@pytest.fixture(scope="module")
def judged(verifying: CompositionalReranker) -> Explanation:
    return explain(verifying, STATEMENT, LEAFLET)


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
    assert pair.verdict is pair.support is pair.denial is pair.evidence is None


def test_of_a_folder_only_its_name_is_shown(
    linked_model: Path, checkpoint_folder: Path, pair: Explanation
) -> None:
    reranker = CompositionalReranker.from_pretrained(
        encoder=linked_model, verifier=checkpoint_folder, device="cpu"
    )
    assert reranker.name == f"{linked_model} with the verifier of {checkpoint_folder}"
    found = explain(reranker, QUERY, PASSAGE)
    assert found.model == f"{linked_model.name} with the verifier of {checkpoint_folder.name}"
    for page in (to_text(found), to_html(found), found.to_json()):
        assert found.model in page
        assert str(linked_model.parent) not in page
    assert pair.model.startswith(DEFAULT_BASE)  # on the hub a slash is part of the name


def test_without_an_encoder_there_is_no_relevance() -> None:
    reranker = CompositionalReranker.from_pretrained(encoder="none", device="cpu")
    found = explain(reranker, STATEMENT, SAID)
    (result,) = reranker.rerank(STATEMENT, [SAID])
    assert (found.relevance, found.score) == (None, result.score)
    assert (found.near_miss, found.score < 1) == (True, True)
    assert json.loads(found.to_json())["relevance"] is None
    text, page = to_text(found), to_html(found)
    assert "relevance" not in text
    assert f"score      {found.score:.3f}  1, the worth of the first place, less for a near-miss" in text
    assert '<dt>Relevance</dt><dd class="value">–</dd>' in page
    assert "1, the worth of the first place" in page
    fine = explain(reranker, STATEMENT, "The drug is safe for children.")
    assert (fine.near_miss, fine.score) == (False, 1.0)


def test_with_an_encoder_the_score_is_made_of_the_relevance(pair: Explanation) -> None:
    assert f"relevance  {pair.relevance:.3f}  how close the passage is to the query" in to_text(pair)
    for page in (to_text(pair), to_html(pair)):
        assert "relevance, more for an answer, less for a mismatch" in page


def test_the_verdict_is_that_of_the_ranking(verifying: CompositionalReranker, judged: Explanation) -> None:
    (result,) = verifying.rerank(STATEMENT, [LEAFLET])
    (verdict,) = verifying.verify(STATEMENT, [LEAFLET])
    assert (judged.score, judged.mismatch) == (result.score, result.mismatch)
    assert (judged.verdict, judged.support, judged.evidence) == (
        result.verdict,
        result.support,
        result.evidence,
    )
    assert judged.denial == pytest.approx(verdict.denial, abs=0.02)
    assert judged.threshold == verifying.threshold
    record = json.loads(judged.to_json())
    assert (record["verdict"], record["why"]) == (judged.verdict, judged.why)
    assert record["evidence"] == (None if judged.evidence is None else list(judged.evidence))
    assert {record["support"], record["denial"]} == {judged.support, judged.denial}


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


def _with(
    pair: Explanation, query: str, verdict: Any, support: float, denial: float, differs: float
) -> Explanation:
    """What the page and the text would show of this verdict."""
    mismatch = differs if query.startswith("Is ") else differs + denial
    return dataclasses.replace(
        pair, query=query, passage=LEAFLET, reads=READS, threshold=0.5, verdict=verdict,
        support=support, denial=denial, mismatch=mismatch,
        evidence=None if verdict is None else (LEAFLET.index(SAID), LEAFLET.index(SAID) + len(SAID)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "verdict", "chances", "said"),
    [
        (STATEMENT, "supports", (0.9, 0.05, 0.02), "supports: the passage says what the query says"),
        (
            "Is it safe for children?",
            "supports",
            (0.9, 0.0, 0.0),
            "the passage answers the question with yes",
        ),
        ("How safe is the drug?", "supports", (0.9, 0.0, 0.0), "supports: the passage answers the question"),
        (
            STATEMENT,
            "denies",
            (0.0, 0.9, 0.1),
            "denies: the passage says the opposite of the query: a near-miss",
        ),
        (
            "Is it safe for children?",
            "denies",
            (0.0, 0.9, 0.1),
            "denies: the passage answers the question with no; an answer, not a near-miss",
        ),
        (
            "How safe is the drug?",
            "denies",
            (0.0, 0.9, 0.1),
            "what the question takes for granted: a near-miss",
        ),
        (
            STATEMENT,
            "differs",
            (0.0, 0.1, 0.9),
            "differs: in nearly the query's words it speaks of another thing: a near-miss",
        ),
        (STATEMENT, "differs", (0.3, 0.1, 0.35), "another thing, but not surely enough for a near-miss"),
        (
            STATEMENT,
            "supports",
            (0.4, 0.3, 0.3),
            "says what the query says, yet it is more likely a near-miss",
        ),
        (STATEMENT, None, (0.1, 0.1, 0.1), "silent: the passage says nothing of it"),
    ],
)
def test_why_in_words(
    pair: Explanation, query: str, verdict: Any, chances: tuple[float, float, float], said: str
) -> None:
    shown = _with(pair, query, verdict, *chances)
    assert said in shown.why
    assert (f"It says: “{SAID}”" in shown.why) == (verdict is not None)
    assert shown.why in " ".join(to_text(shown).split())
    assert shown.near_miss == ((shown.mismatch or 0) >= 0.5)
    assert ("near-miss" in shown.why) == (
        shown.near_miss or verdict == "differs" or (verdict == "denies" and query[0] == "I")
    )
    text = _Tags(to_html(shown)).text
    for part in shown.why.split(": ", 1):
        assert part in text


@pytest.mark.parametrize(
    ("query", "passage", "said"),
    [
        ("refund policy", LEAFLET, "not judged: keywords and stop words ask nothing"),
        ("What is it?", LEAFLET, "not judged: keywords and stop words ask nothing"),
        ("Ist das Mittel auch für die Kinder sicher?", LEAFLET, "not judged: the query is no English prose"),
        (
            STATEMENT,
            "Das Mittel ist nicht sicher und nicht gut.",
            "not judged: the passage is no English prose",
        ),
        (STATEMENT, "", "not judged: the passage is no English prose"),
        (
            STATEMENT,
            HEADING,
            "not read: the passage is too far from the query, or no sentence of it can be judged",
        ),
    ],
)
def test_why_nothing_was_judged(
    verifying: CompositionalReranker, query: str, passage: str, said: str
) -> None:
    explanation = explain(verifying, query, passage)
    assert explanation.why == said
    assert explanation.verdict is explanation.mismatch is explanation.evidence is None
    assert said in " ".join(to_text(explanation).split())
    assert said.partition(": ")[2] in _Tags(to_html(explanation)).text
    assert "<mark>" not in to_html(explanation)


def test_without_a_verifier_it_says_so(pair: Explanation) -> None:
    assert pair.why == "not read: this model has no verifier"
    assert pair.why in to_text(pair)


def test_a_long_evidence_is_cut_in_words_alone(pair: Explanation) -> None:
    passage = "The drug is not safe for " + "small " * 100 + "children."
    long = dataclasses.replace(
        _with(pair, STATEMENT, "denies", 0.0, 0.9, 0.1), passage=passage, evidence=(0, len(passage))
    )
    assert long.evidence_text == passage
    assert len(long.why) < 450
    assert long.why.endswith("…”")


@pytest.mark.parametrize("passage", [LEAFLET, f"{HEADING}\n{SAID}", f"It is old. {SAID} {SAID}"])
def test_the_page_underlines_the_evidence(verifying: CompositionalReranker, passage: str) -> None:
    explanation = explain(verifying, STATEMENT, passage)
    start, stop = passage.rindex(SAID), passage.rindex(SAID) + len(SAID)
    page = _Tags(to_html(dataclasses.replace(explanation, verdict="denies", evidence=(start, stop))))
    assert page.marked == "".join(SAID.split())
    whole = _Tags(to_html(dataclasses.replace(explanation, verdict="denies", evidence=(0, len(passage)))))
    assert whole.marked == "".join(passage.split())


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.text = ""
        self.marked = ""  # without white space and raised numbers
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        self.names.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if "mark" in self.open and "sup" not in self.open:
            self.marked += "".join(data.replace("\u2060", "").split())


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


def test_what_its_verifier_does_not_read_is_said(pair: Explanation) -> None:
    asked = dataclasses.replace(pair, query="Is Rome closer?", mismatch=None, reads=frozenset({"statement"}))
    assert asked.why == "not judged: this verifier reads nothing but statement"
