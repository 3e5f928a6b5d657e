"""Which passages are read, and which of their sentences."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import TokenEncoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.sentences import segment_table
from compositional_rerank.verification.asks import Ask
from compositional_rerank.verification.evidence import Text, closest, compare, readings, to_read

ASK = Ask("The drug is safe.", "statement", (0,))
HEADINGS = ["# The terms are these", "Refund policy", "Chapter 3"]
NEAR = st.floats(-1, 1, width=32)


def read(text: str, own: tuple[int, int] | None = None) -> Text:
    """A text of which every word and mark is a token; its vectors do not matter here."""
    tokens = [found.span() for found in re.finditer(r"\w+|\S", text)]
    table = torch.tensor(segment_table(text, tokens), dtype=torch.int32).reshape(-1, 4)
    vectors = torch.zeros(len(tokens), 2)
    return Text(text, own, EncodedText(vectors, torch.tensor(tokens).reshape(-1, 2), vectors[:1], table))


def windows_of(passage: Text, near: list[float], *, tokens: int, windows: int = 1) -> list[tuple[int, int]]:
    (found,) = readings([ASK], passage, torch.tensor([near]), tokens=tokens, windows=windows)
    return found.windows


def said(passage: Text, near: list[float], *, tokens: int, windows: int = 1) -> list[str]:
    return [passage.text[slice(*span)] for span in windows_of(passage, near, tokens=tokens, windows=windows)]


PASSAGE = read("It is a tablet. The drug is safe. Keep it dry and cool. It was tested in two towns.")


def test_a_window_is_the_closest_sentence_and_what_fits_beside_it() -> None:
    near = [0.2, 0.9, 0.3, 0.1]  # the sentences have 5, 5, 6 and 7 tokens
    assert said(PASSAGE, near, tokens=5) == ["The drug is safe."]
    assert said(PASSAGE, near, tokens=11) == ["The drug is safe. Keep it dry and cool."]
    assert said(PASSAGE, near, tokens=10) == [
        "It is a tablet. The drug is safe."
    ]  # the closer one has no room
    assert said(PASSAGE, near, tokens=100) == [PASSAGE.text]


def test_a_sentence_longer_than_the_budget_is_read_alone() -> None:
    assert said(PASSAGE, [0.1, 0.2, 0.3, 0.9], tokens=3) == ["It was tested in two towns."]


def test_a_second_window_is_read_where_it_is_about_as_close() -> None:
    near = [0.85, 0.1, 0.2, 0.9]
    assert said(PASSAGE, near, tokens=7, windows=2) == ["It was tested in two towns.", "It is a tablet."]
    assert len(windows_of(PASSAGE, near, tokens=7, windows=1)) == 1
    assert len(windows_of(PASSAGE, [0.7, 0.1, 0.2, 0.9], tokens=7, windows=2)) == 1


def test_every_ask_chooses_by_its_own_sentences() -> None:
    asks = [Ask("One is so.", "statement", (0,)), Ask("Is the other?", "yes_no", (1, 2))]
    closeness = torch.tensor([[0.9, 0.1, 0.1, 0.1], [0.1, 0.2, 0.1, 0.1], [0.1, 0.1, 0.8, 0.1]])
    first, second = readings(asks, PASSAGE, closeness, tokens=6, windows=1)
    assert [one.ask for one in (first, second)] == asks
    assert PASSAGE.text[slice(*first.windows[0])].startswith("It is a tablet.")
    assert PASSAGE.text[slice(*second.windows[0])] == "Keep it dry and cool."


def test_headings_are_no_evidence_and_no_window_reaches_over_one() -> None:
    passage = read("Refund policy\n\nThe drug is safe.\n\n# Storage of it\n\nKeep it dry and cool.")
    count = len(passage.encoded.segments)
    for closest_one in range(count):
        near = [0.9 if place == closest_one else 0.1 for place in range(count)]
        (found,) = said(passage, near, tokens=100)
        assert found in ("The drug is safe.", "Keep it dry and cool.")


def test_a_line_that_was_wrapped_is_no_heading() -> None:
    passage = read("Contractors and consultants in Berlin\nare not covered by the insurance.")
    assert said(passage, [0.5] * len(passage.encoded.segments), tokens=50) == [passage.text]


def test_a_caption_is_evidence_beside_metadata_that_are_none() -> None:
    text = "file_path: a.txt\n\nA dog on a sofa"
    passage = read(text, (text.index("A dog"), len(text)))
    assert said(passage, [0.5] * len(passage.encoded.segments), tokens=50) == ["A dog on a sofa"]


@pytest.mark.parametrize("text", ["", " ", "# Heading alone", "Refund policy", "x = f(y); z = {}; a[0] -> b"])
def test_nothing_is_read_of_what_cannot_be_judged(text: str) -> None:
    passage = read(text)
    closeness = torch.zeros(1, len(passage.encoded.segments))
    assert readings([ASK], passage, closeness, tokens=50, windows=2) == []


def test_code_between_sentences_is_left_out() -> None:
    passage = read("x = f(y[0]); z = {a[1]};\n\nThe drug is safe.\n\ny = g(x[0]); u = {b[1]};")
    for near in ([0.9, 0.85, 0.1], [0.1, 0.85, 0.9]):
        rest = len(passage.encoded.segments) - 2
        found = said(passage, [near[0], near[1], *near[2:] * rest], tokens=6, windows=2)
        assert found == ["The drug is safe."]


def test_an_item_of_a_list_is_evidence_and_a_heading_is_none() -> None:
    passage = read("Refund policy\n\n- no refunds after two weeks\n\nRefunds of travel")
    count = len(passage.encoded.segments)
    assert said(passage, [0.5] * count, tokens=50) == ["- no refunds after two weeks"]


def test_nothing_is_read_where_nothing_is_asked_or_nothing_may_be_evidence() -> None:
    closeness = torch.zeros(1, 4)
    assert readings([], PASSAGE, closeness, tokens=50, windows=2) == []
    assert readings([ASK], read(PASSAGE.text, (3, 3)), closeness, tokens=50, windows=2) == []


@st.composite
def passages(draw: st.DrawFn) -> Text:
    """English sentences in paragraphs with headings; what may be evidence is all of it or any span."""
    words = st.lists(st.sampled_from("drug safe tablet children towns not and so".split()), max_size=8)
    sentence = words.map(lambda few: f"It is the {' '.join(few)}".strip() + ".")
    paragraph = st.lists(sentence, min_size=1, max_size=4).map(" ".join)
    parts = draw(st.lists(st.one_of(paragraph, paragraph, st.sampled_from(HEADINGS)), min_size=1, max_size=5))
    text = "\n\n".join(parts)
    if draw(st.booleans()):
        return read(text)
    start = draw(st.sampled_from([word.start() for word in re.finditer(r"[A-Za-z]\w*", text)]))
    return read(text, (start, draw(st.integers(start, len(text)))))


@given(passages(), st.data(), st.integers(1, 30), st.integers(1, 3))
def test_windows_are_whole_sentences_of_the_own_text(
    passage: Text, data: st.DataObject, tokens: int, windows: int
) -> None:
    text, table = passage.text, passage.encoded.segments.tolist()
    start, stop = passage.own or (0, len(text))
    near = data.draw(st.lists(NEAR, min_size=len(table), max_size=len(table)))
    headed = [text[first:last] in HEADINGS and first >= start for first, last, *_ in table]
    usable = [
        max(first, start) < last <= stop and not heading
        for (first, last, *_), heading in zip(table, headed, strict=True)
    ]
    found = readings([ASK], passage, torch.tensor([near]), tokens=tokens, windows=windows)
    assert bool(found) == any(usable)
    if not found:
        return
    chosen = found[0].windows
    assert 1 <= len(chosen) <= windows
    taken = []
    for begin, end in chosen:
        assert start <= begin < end <= stop
        places = [place for place, (first, last, *_) in enumerate(table) if first < end and last > begin]
        taken += places
        assert begin == max(table[places[0]][0], start)
        assert end == table[places[-1]][1]
        assert all(usable[place] for place in places)
        length = sum(table[place][3] - table[place][2] for place in places)
        assert length <= tokens or len(places) == 1
        for beside in (places[0] - 1, places[-1] + 1):  # it is as large as it may be
            if 0 <= beside < len(table) and usable[beside] and beside not in taken and len(chosen) == 1:
                assert length + table[beside][3] - table[beside][2] > tokens
    assert len(taken) == len(set(taken))
    best = max(near[place] for place, fine in enumerate(usable) if fine)
    first_window = [place for place in range(len(table)) if table[place][0] < chosen[0][1]]
    assert max(near[place] for place in first_window if table[place][1] > chosen[0][0]) == best


@given(st.lists(st.tuples(NEAR, NEAR), max_size=9), NEAR, st.integers(0, 4), st.integers(0, 9))
def test_read_are_the_first_few_and_the_closest(
    scores: list[tuple[float, float]], least: float, first: int, most: int
) -> None:
    relevance, closeness = [one for one, _ in scores], [two for _, two in scores]
    found = to_read(torch.tensor(relevance), torch.tensor(closeness), least=least, first=first, most=most)
    wanted = sorted(range(len(scores)), key=lambda place: -relevance[place])[:first]
    for place in sorted(range(len(scores)), key=lambda place: -closeness[place]):
        if closeness[place] >= torch.tensor(least) and place not in wanted:
            wanted.append(place)
    assert found == sorted(wanted[:most])


def test_the_first_few_are_read_however_far_and_the_cap_leaves_the_closest() -> None:
    relevance, closeness = torch.tensor([0.1, 0.9, 0.5, 0.4]), torch.tensor([0.7, 0.0, 0.6, 0.8])
    assert to_read(relevance, closeness, least=0.65, first=1, most=9) == [0, 1, 3]
    assert to_read(relevance, closeness, least=0.65, first=1, most=2) == [1, 3]
    assert to_read(relevance, closeness, least=0.65, first=1, most=0) == []
    assert to_read(relevance, closeness, least=0.9, first=0, most=9) == []


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(1, 3), st.integers(0, 2**31))
def test_closest_equals_a_loop(counts: list[int], sentences: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    closeness = torch.rand(sentences, sum(counts), generator=generator) * 2 - 1
    entries = [
        EncodedText(torch.zeros(n, 2), torch.zeros(n, 2), torch.zeros(2), torch.zeros(n, 4)) for n in counts
    ]
    ends = list(itertools.accumulate(counts))
    expected = [
        max(closeness[:, end - count : end].flatten().tolist(), default=-1.0)
        for end, count in zip(ends, counts, strict=True)
    ]
    assert closest(entries, closeness).tolist() == pytest.approx(expected)


def test_what_the_query_says_is_found_in_a_passage_of_others(encoder: TokenEncoder) -> None:
    filler = "Bread is baked in the early morning. Fish is sold at the harbour. " * 5
    query, passage = encoder.encode(
        ["Rome is closer than Paris.", f"{filler}Paris is closer than Rome. {filler}"], task="document"
    )
    text = f"{filler}Paris is closer than Rome. {filler}"
    closeness = compare(query, [passage]).closeness
    assert said(Text(text, None, passage), closeness[0].tolist(), tokens=8) == ["Paris is closer than Rome."]
