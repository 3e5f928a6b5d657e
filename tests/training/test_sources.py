"""Files of labelled pairs: what is read, and bad lines by file and line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from compositional_rerank.errors import DataError
from compositional_rerank.training.sources import inference_pairs, numbered_rows, paraphrase_pairs, text_rows

GOOD = '{"text1": "It is n\'t far .", "text2": "It is near .", "same": 1}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def test_pairs_come_in_both_directions_with_and_without_gaps(file: Path) -> None:
    file.write_text(GOOD * 40)
    pairs = paraphrase_pairs(file, random.Random(0))
    assert {pair.query for pair in pairs} == {
        "It is n't far .",
        "It isn't far.",
        "It is near .",
        "It is near.",
    }
    assert {(pair.mismatch, pair.source) for pair in pairs} == {(0, "rows")}
    assert paraphrase_pairs(file, random.Random(0)) == pairs
    assert paraphrase_pairs(file, random.Random(1)) != pairs


@pytest.mark.parametrize(("same", "mismatch"), [("0", 1), ("1", 0), ("false", 1), ("true", 0)])
def test_same_is_the_other_way_round(file: Path, same: str, mismatch: int) -> None:
    file.write_text(GOOD.replace(": 1}", f": {same}}}"))
    assert [pair.mismatch for pair in paraphrase_pairs(file, random.Random(0))] == [mismatch]


def test_blank_lines_bom_and_line_separators_in_texts(file: Path) -> None:
    line = '{"text": "one\u2028two\x85three"}'
    file.write_bytes(f"\ufeff{line}\r\n\n{line}\n".encode())
    assert list(numbered_rows(file)) == [(n, {"text": "one\u2028two\x85three"}) for n in (1, 3)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"text1": "\xff"}', "not a JSON object in UTF-8"),
        (b'{"text1": "a", "same": 1}', "field 'text2' must be a text, got None"),
        (b'{"text1": "a", "text2": 3, "same": 1}', "field 'text2' must be a text, got 3"),
        (b'{"text1": "a", "text2": "  ", "same": 1}', "field 'text2' must be a text, got '  '"),
        (b'{"text1": "a", "text2": "b"}', "field 'same' must be 0 or 1, got None"),
        (b'{"text1": "a", "text2": "b", "same": 2}', "field 'same' must be 0 or 1, got 2"),
        (b'{"text1": "a", "text2": "b", "same": "1"}', "field 'same' must be 0 or 1, got '1'"),
    ],
)
def test_a_bad_line_of_pairs_is_named(file: Path, line: bytes, message: str) -> None:
    file.write_bytes(GOOD.encode() + b"\n" + line + b"\n")
    with pytest.raises(DataError, match=rf"rows\.jsonl:3: {message}"):
        paraphrase_pairs(file, random.Random(0))


def test_a_passage_must_entail_the_query(file: Path) -> None:
    labels = ["entailment", "neutral", "contradiction", "non-entailment"]
    file.write_text("".join(f'{{"premise": "p", "hypothesis": "h", "label": "{y}"}}\n' for y in labels))
    pairs = inference_pairs(file)
    assert [(pair.query, pair.passage) for pair in pairs] == [("h", "p")] * 4
    assert [pair.mismatch for pair in pairs] == [0, 1, 1, 1]


@pytest.mark.parametrize("label", ["1", "null", '"Entailment"', '"-"'])
def test_an_unknown_label_is_named(file: Path, label: str) -> None:
    file.write_text(f'{{"premise": "p", "hypothesis": "h", "label": {label}}}\n')
    with pytest.raises(DataError, match=r"rows\.jsonl:1: field 'label' must be"):
        inference_pairs(file)


def test_texts_of_a_field(file: Path) -> None:
    file.write_text('{"a": "x", "b": "y"}\n{"a": "z", "b": "w"}\n')
    assert text_rows(file, "b", "a") == [("y", "x"), ("w", "z")]
    with pytest.raises(DataError, match=r"rows\.jsonl:1: field 'c'"):
        text_rows(file, "c")


def test_no_rows_and_no_file(file: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl does not exist"):
        list(numbered_rows(file))
    file.write_text("\n\n")
    with pytest.raises(DataError, match="no rows"):
        text_rows(file, "a")
