from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import TokenEncoder
from compositional_rerank.encoding.sentences import sentence_spans, token_spans


@given(st.text(alphabet=st.sampled_from("ab.?!\n\r\t \u00e9\u00df\u4e2d\u3002\U0001f600\ud800\"'()")))
def test_spans_cover_every_visible_character_once_and_in_order(text: str) -> None:
    spans = sentence_spans(text)
    assert all(start < stop for start, stop in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    covered = "".join(text[start:stop] for start, stop in spans)
    assert [char for char in covered if not char.isspace()] == [char for char in text if not char.isspace()]


def test_abbreviations_decimals_and_lines() -> None:
    text = "Dr. Lee gave 2.5 mg at 8 a.m. to Mr. Ray. Was it safe?\n\nYes, e.g. for adults."
    sentences = [text[start:stop] for start, stop in sentence_spans(text)]
    assert sentences[-2:] == ["Was it safe?", "Yes, e.g. for adults."]
    assert "".join(sentences).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_blank_texts_have_no_sentence() -> None:
    assert sentence_spans("") == []
    assert sentence_spans(" \n\t ") == []


def test_a_very_long_text_without_a_full_stop() -> None:
    text = "word " * 20_000
    assert sentence_spans(text) == [(0, len(text) - 1)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8)), max_size=6), st.integers(0, 40))
def test_every_token_is_in_exactly_one_span(gaps: list[tuple[int, int]], tokens: int) -> None:
    sentences, place = [], 0
    for gap, length in gaps:
        sentences.append((place + gap, place + gap + length))
        place += gap + length
    spans = token_spans(sentences, [(start, start + 1) for start in range(tokens)])
    owned = [token for start, stop in spans for token in range(start, stop)]
    assert owned == (list(range(tokens)) if sentences else [])


def test_spans_through_the_real_tokenizer(encoder: TokenEncoder) -> None:
    text = "Café prices rose. Naïve users 😀 paid. Nobody   complained!"
    encoded = encoder.encode([text], task="document")[0]
    offsets = [(int(start), int(stop)) for start, stop in encoded.offsets]
    sentences = sentence_spans(text)
    for (first, last), (start, stop) in zip(token_spans(sentences, offsets), sentences, strict=True):
        assert all(start <= offsets[token][0] < stop for token in range(first, last))
        assert last > first


@pytest.mark.parametrize("space", "\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000")
def test_wide_white_space_before_a_full_stop(space: str) -> None:
    text = f"It is made for{space}.NET, they say. Is it?"
    assert [text[start:stop] for start, stop in sentence_spans(text)][-1] == "Is it?"
    assert sentence_spans(f"A{space}.:B")
