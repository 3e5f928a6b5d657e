"""A user's passages as training data."""

from __future__ import annotations

from pathlib import Path

import pytest

from compositional_rerank.errors import DataError, InputError
from compositional_rerank.training.corpus import corpus_pairs, read_passages

PASSAGES = [
    "The dog bit the man in the garden. The man called the doctor before the dog ran away.",
    "Rome is closer to Naples than Paris. The red car\nstood behind the blue truck.",
    "All 40 tickets were sold on Monday. Nobody asked for the money back.",
]


def test_a_folder_is_read_as_the_command_line_reads_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_bytes("\ufeffOne.\nStill one.\r\n \t\r\nTwo.\n\n\n\nThree.\n".encode())
    (tmp_path / "deep" / "b.md").write_text("# Four\n\nFünf 五\n", encoding="utf-8")
    (tmp_path / "c.jsonl").write_text(
        '{"title": "Six", "text": "six\u2028six"}\n\n{"text": "Seven", "title": null}\n', encoding="utf-8"
    )
    (tmp_path / "d.csv").write_text("id,text\n8,Eight\n")
    (tmp_path / "e.rst").write_text("not read\n")
    assert [passage.strip() for passage in read_passages(tmp_path)] == [
        "One.\nStill one.",
        "Two.",
        "Three.",
        "six\u2028six",
        "Seven",
        "Eight",
        "# Four",
        "Fünf 五",
    ]
    assert len(read_passages(tmp_path / "c.jsonl")) == 2


@pytest.mark.parametrize("line", ["{", "[]", '{"body": "x"}', '{"text": 3}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "docs.jsonl"
    file.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"docs\.jsonl:2: "):
        read_passages(tmp_path)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes("Größe".encode("latin-1"))
    with pytest.raises(DataError, match=r"old\.txt:1: byte 3 is not UTF-8"):
        read_passages(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", r"no file in it or below ends in \.txt, \.md, "),
        ("missing", "missing cannot be read"),
        ("blank.text", "holds no passage"),
    ],
)
def test_nothing_to_read(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.text").write_text("\n \n")
    with pytest.raises(DataError, match=said):
        read_passages(tmp_path / name)


def test_the_seed_fixes_the_pairs() -> None:
    pairs = corpus_pairs(PASSAGES, 60, seed=1)
    assert corpus_pairs(PASSAGES, 60, seed=1) == pairs
    assert corpus_pairs(PASSAGES, 60, seed=2) != pairs


def test_pairs_are_of_both_labels_from_both_sources() -> None:
    pairs = corpus_pairs(PASSAGES, 60, seed=1)
    assert 40 < len(pairs) <= 60
    for source in ("corpus", "templates"):
        labels = [pair.mismatch for pair in pairs if pair.source == source]
        assert set(labels) == {0, 1}
        assert 0.3 < sum(labels) / len(labels) < 0.7
    assert all("\n" not in pair.query + pair.passage for pair in pairs)
    words = {word for text in PASSAGES for word in text.split()}
    own = [pair for pair in pairs if pair.source == "corpus"]
    assert all(words & set(f"{pair.query} {pair.passage}".split()) for pair in own)


@pytest.mark.parametrize("passages", [[], ["", "Too short."], ["word " * 200]])
def test_passages_without_a_sentence_to_change(passages: list[str]) -> None:
    with pytest.raises(DataError, match="no sentence of 20 to 240 characters"):
        corpus_pairs(passages, 10, seed=0)


@pytest.mark.parametrize("rows", [0, -5])
def test_rows_must_be_positive(rows: int) -> None:
    with pytest.raises(InputError, match=f"rows is {rows}: ask for at least 1"):
        corpus_pairs(PASSAGES, rows, seed=0)
