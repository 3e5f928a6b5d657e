"""The one reader of input, without a model."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank.cli._input import read_one, read_passages
from compositional_rerank.errors import CompositionalRerankError
from compositional_rerank.inputs.forms import Passage

WRAPPED = "One.\nStill one.\n \t\nTwo.\n"


def texts(*names: Path | str, form: str = "auto") -> list[str]:
    return [passage.text for passage in read_passages([str(name) for name in names], form)]


def written(place: Path, content: str | bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "One.\n  Two. \n", ["One.", "Two."]),
        ("a.txt", "One.\n\n\nTwo.\n", ["One.", "Two."]),
        ("a.txt", WRAPPED, ["One.\nStill one.", "Two."]),
        ("a.txt", "\ufeff\r\nOne.\r\nStill one.\r\n\r\nTwo.\r\n", ["One.\nStill one.", "Two."]),
        ("a", "[1] A footnote.\n{x} A set.", ["[1] A footnote.", "{x} A set."]),
        ("a.txt", "Text, body and soul\nare one.", ["Text, body and soul", "are one."]),
        ("a.TXT", '["One.", "Two."]', ["One.", "Two."]),
        ("a.log", '{"text": "One."}\n\n{"text": "Two."}', ["One.", "Two."]),
        ("a.txt", "id,text\n1,One.\n2,Two.", ["One.", "Two."]),
        ("a.md", "One.\nStill one.", ["One.\nStill one."]),
        ("a.md", "[1, 2]\n\nid,text", ["[1, 2]", "id,text"]),
        ("a.json", '[\n "One.",\n {"text": "Two."}\n]', ["One.", "Two."]),
        ("a.json", '{"text": "One."}\n{"text": "Two."}', ["One.", "Two."]),
        ("a.json", '{"query": "x", "results": [{"text": "One."}]}', ["One."]),
        ("a.json", "", []),
        ("a.ndjson", '{"text": "One."}', ["One."]),
        ("a.csv", '\ufeffid;Passage\r\n1;"One; ""and"" one\r\nmore"\r\n\r\n', ['One; "and" one\nmore']),
        ("a.csv", "text\nOne.\n", ["One."]),
        ("a.csv", "body,text,content\nx,One.,y\n", ["One."]),
        ("a.csv", f"text\n{'long ' * 50_000}\n", ["long " * 50_000]),
        ("a.tsv", "id\tcontent\n1\tOne, two.", ["One, two."]),
        ("a.csv", "", []),
    ],
)
def test_forms(tmp_path: Path, name: str, content: str, expected: list[str]) -> None:
    assert texts(written(tmp_path / name, content)) == expected
    if not name.endswith("a"):
        assert texts(tmp_path / name) == expected  # and again, now that the field limit is raised


def test_records_keep_ids_scores_and_other_columns(tmp_path: Path) -> None:
    table = written(tmp_path / "a.csv", ",ID,score,text,year\n0,a,0.5,One.,2026\n1,,,Two.,\n")
    assert read_passages([str(table)]) == [
        Passage("One.", "a", 0.5, {"column 1": "0", "year": "2026"}),
        Passage("Two.", None, None, {"column 1": "1", "year": ""}),
    ]
    array = written(tmp_path / "a.json", '[{"text": "One.", "id": 7, "retrieval_score": 2, "tags": ["x"]}]')
    assert read_passages([str(array)]) == [Passage("One.", 7, 2.0, {"tags": ["x"]})]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (WRAPPED, ["One.", "Still one.", "Two."]),  # a stream of hits, of which one may be empty
        ('["One."]', ["One."]),
        ('{"text": "One."}', ["One."]),
        ("id,text\n1,One.", ["One."]),
    ],
)
def test_standard_input(monkeypatch: pytest.MonkeyPatch, content: str, expected: list[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert texts("-") == expected


def test_a_folder_is_all_of_its_files_read_as_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "a.txt", WRAPPED)
    written(tmp_path / "b.md", "Three.\n\nFour\nfour.")
    written(tmp_path / "deep" / "c.jsonl", '{"text": "Five."}')
    written(tmp_path / "deep" / "er" / "d.ndjson", '{"text": "Six."}')
    written(tmp_path / "e.JSON", '["Seven."]')
    written(tmp_path / "f.csv", "text\nEight.")
    for left_out in (".hidden.txt", ".git/x.txt", "g.rst", "h.png", "deep/i"):
        written(tmp_path / left_out, b"\xff")
    written(tmp_path / "store" / "meta.json", "{}")
    written(tmp_path / "store" / "vectors-1.bin", b"\xff")
    found = texts(tmp_path)
    assert found == [
        *("One.\nStill one.", "Two.", "Three.", "Four\nfour.", "Five.", "Six.", "Seven.", "Eight."),
    ]
    assert capsys.readouterr().err == ""
    files = sorted(file for file in tmp_path.rglob("[a-f].*") if file.is_file())
    assert texts(*files) == found
    with pytest.raises(CompositionalRerankError, match="store is a token store"):
        texts(tmp_path / "store")


def test_paragraphs_of_a_named_file_are_mentioned_and_can_be_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "a.txt", WRAPPED)
    assert len(texts(file)) == 2
    said = capsys.readouterr().err
    assert f"{file}: read as 2 paragraphs, parted by blank lines" in said
    assert "--input lines" in said
    assert texts(file, form="lines") == texts(tmp_path, form="lines") == ["One.", "Still one.", "Two."]
    assert texts(written(tmp_path / "b.txt", "One.\nTwo."), form="paragraphs") == ["One.\nTwo."]
    assert texts(written(tmp_path / "c.json", '["One."]\n'), form="lines") == ['["One."]']
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.json",
            '{"name": "x"}',
            """a.json: must be an array of strings or of objects with "text", got an object""",
        ),
        ("a.json", '{"results": 3}', "got 3"),
        ("a.json", "[1]", 'a.json, item 1: must be a string or an object with "text", got 1'),
        ("a.json", '["a", {"txt": "b"}]', "a.json, item 2: field 'text' is missing, it has 'txt'"),
        ("a.json", "[" * 100_000, "a.json: not JSON"),
        ("a.json", "Rome", "a.json: not JSON"),
        ("a.txt", '["One.",', "a.txt: not JSON (Expecting value: line 1 column 9"),
        ("a.txt", '{\n "text": "One."\n', "pass --input lines to take its lines as they are"),
        ("a.jsonl", '["a"]', 'a.jsonl:1: must be an object such as {"text": "..."}'),
        (
            "a.csv",
            "id,title\n1,One.",
            "a.csv:1: no column holds passages, the header has 'id', 'title': call one",
        ),
        ("a.csv", "id,text\n1,One, two.", "a.csv:2: 3 columns, the header has 2: put quotes around a text"),
        ("a.csv", 'id,text\n1,"One.\n2,Two.', "a.csv:3: not CSV (unexpected end of data)"),
        ("a.csv", "score,text\nhigh,One.", "a.csv:2: field 'score' must be a number or empty, got 'high'"),
        (
            "a.txt",
            "Rome.\nGr\xf6\xdfe".encode("latin-1"),
            "a.txt:2: byte 3 is not UTF-8: save the file as text",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    file = written(tmp_path / name, content)
    for place in (file, tmp_path):
        with pytest.raises(CompositionalRerankError) as caught:
            texts(place)
        assert said in str(caught.value)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("none", "auto", "cannot be read: No such file or directory: name a file"),
        ("a\0b", "auto", "cannot be read"),
        ("", "csv", "--input csv does not go with the folder"),
        (
            "empty",
            "auto",
            "no file in it or below ends in .txt, .md, .jsonl, .ndjson, .json, .csv, .parquet: name another",
        ),
    ],
)
def test_names_that_hold_nothing(tmp_path: Path, name: str, form: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CompositionalRerankError) as caught:
        texts(str(tmp_path / name), form=form)
    assert said in str(caught.value)


def test_one_passage_is_a_whole_text_or_the_only_record(tmp_path: Path) -> None:
    assert read_one(str(written(tmp_path / "a.txt", WRAPPED)), "the passage", "--passage") == WRAPPED
    assert read_one(str(written(tmp_path / "a.csv", "text\nOne.")), "the passage", "--passage") == "One."
    with pytest.raises(
        CompositionalRerankError,
        match=r"b\.txt holds 2 texts, and the passage is one: pass it with --passage",
    ):
        read_one(str(written(tmp_path / "b.txt", '["a", "b"]')), "the passage", "--passage")
    with pytest.raises(CompositionalRerankError, match="is a folder, and the passage is one text"):
        read_one(str(tmp_path), "the passage", "--passage")


class TestParquet:
    """Rows of a table, of which only text, id and score are read."""

    @pytest.fixture
    def table(self, tmp_path: Path) -> Callable[..., Path]:
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")

        def write(**columns: Any) -> Path:
            parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
            return tmp_path / "a.parquet"

        return write

    def test_columns(self, table: Callable[..., Path], tmp_path: Path) -> None:
        file = table(ID=[7, 8], Passage=["One.\n\nMore.", "Two."], score=[0.5, None], vector=[[1.0], [2.0]])
        expected = [Passage("One.\n\nMore.", 7, 0.5), Passage("Two.", 8)]
        assert read_passages([str(file)]) == read_passages([str(tmp_path)]) == expected
        assert read_one(str(table(body=["One."])), "the passage", "--passage") == "One."

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ({"title": ["One."]}, "a.parquet: no column holds passages, it has 'title': call one text"),
            ({"text": ["One.", None]}, "a.parquet, row 2: field 'text' must be a string, got null"),
            ({"text": [b"One."]}, "a.parquet, row 1: field 'text' must be a string, got"),
            ({"text": ["One."], "score": ["high"]}, "a.parquet, row 1: field 'score' must be a number"),
        ],
    )
    def test_what_cannot_be_used_is_named(
        self, table: Callable[..., Path], columns: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(CompositionalRerankError) as caught:
            texts(table(**columns))
        assert said in str(caught.value)

    def test_no_parquet(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        for name in (written(tmp_path / "a.parquet", "PAR1 no"), tmp_path / "none.parquet", "a\0.parquet"):
            with pytest.raises(CompositionalRerankError, match="cannot be read as Parquet"):
                texts(name)

    def test_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(CompositionalRerankError, match="fix: pip install pyarrow"):
            texts(written(tmp_path / "a.parquet", ""))
