"""Good data is read as it is written; bad data is named with file, line and field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank.audit import formats, sources
from compositional_rerank.audit.answers import read_answers
from compositional_rerank.audit.corpus import document_of
from compositional_rerank.audit.nli import read_nli
from compositional_rerank.audit.records import Record
from compositional_rerank.errors import DataError


def replace_line(path: Path, number: int, text: str) -> Path:
    lines = path.read_text().splitlines()
    lines[number - 1 : number] = [text]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_document_is_title_and_text(beir: Path) -> None:
    data = formats.read_beir(beir)
    assert list(data.documents) == [
        "Cats A cat sleeps on the warm roof.",
        "Rome Rome is closer than Paris.",
        "Paris is closer than Rome.",
        "The drug is safe for children.",
        "Own Is the drug safe for children?",
    ]
    assert data.documents[1:3] == [data.documents[1], data.documents[2]]
    assert data.text_starts == [5, 5, 0, 0, 4]
    assert data.name == "toy"
    assert data.query_ids == ("q1", "q2")
    assert data.qrels == {"q1": {"d2": 2, "d3": 1}, "q2": {"d4": 1}}


def test_blank_lines_and_a_byte_order_mark_are_no_error(beir: Path) -> None:
    corpus = beir / "corpus.jsonl"
    corpus.write_bytes(b"\xef\xbb\xbf\n" + corpus.read_bytes().replace(b"\n", b"\r\n\r\n"))
    assert formats.read_beir(beir).documents[3] == "The drug is safe for children."
    corpus.write_bytes(b"\xef\xbb\xbf" + corpus.read_bytes()[4:])
    assert formats.read_beir(beir).documents[0] == "Cats A cat sleeps on the warm roof."


def test_pairs_triples_and_contrasts(pairs: Path, triples: Path, contrast: Path) -> None:
    assert formats.read_pairs(pairs).same == (1, 0, 0)
    assert formats.read_pairs(pairs).edit_types == (None, "role", "binding")
    assert formats.read_triples(triples).negatives[1] == "The drug is not safe."
    assert formats.read_contrast(contrast).documents2 == ("Aspirin is not safe.",)


@given(st.none() | st.text(), st.text())
def test_what_stands_behind_the_title_is_the_text(title: str | None, text: str) -> None:
    joined, start = document_of(Record("c:1", {"title": title, "text": text}))
    assert joined == f"{title or ''} {text}".strip()
    assert joined[start:] == text.strip()
    assert joined[:start].strip() == (title or "").strip()


def test_inferences(nli: Path) -> None:
    data = read_nli(nli)
    assert data.labels == ("entailment", "contradiction", "neutral", "non-entailment")
    assert (data.premises[1], data.hypotheses[1]) == ("The drug is safe.", "The drug is not safe.")
    replace_line(nli, 2, '{"premise": "a", "hypothesis": "b", "label": "maybe"}')
    with pytest.raises(
        DataError, match=r"nli\.jsonl:2: field 'label' is 'maybe'; it has to be one of entail"
    ):
        read_nli(nli)


@pytest.mark.parametrize("label", ["2", '"1"', "0.5", "true", "null", "1.0", "[1]"])
def test_a_label_that_is_not_0_or_1(pairs: Path, label: str) -> None:
    replace_line(pairs, 2, f'{{"text1": "a", "text2": "b", "same": {label}}}')
    with pytest.raises(DataError, match=r"swaps\.jsonl:2: field 'same' is .* 1 .* or 0"):
        formats.read_pairs(pairs)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"anchor": "a", "positive": "b", "nega', r"not valid JSON .* cut short"),
        ('{"anchor": "a", "positive": "b"}', "field 'negative' is missing"),
        (
            '{"anchor": "a", "positive": "b", "negative": 3}',
            "field 'negative' is int 3; it has to be a string",
        ),
        ('{"anchor": "a", "positive": " ", "negative": "c"}', "field 'positive' is empty"),
        (
            '{"anchor": "a\\ud800", "positive": "b", "negative": "c"}',
            "field 'anchor' holds half of a surrogate",
        ),
        ('["a", "b", "c"]', "has to be one JSON object, this one is list"),
        ('{"anchor": "a", "positive": "b", "negative": "c", "edit_type": 7}', "field 'edit_type' is int 7"),
    ],
)
def test_a_bad_line_is_named(triples: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"triples\.jsonl:2: {message}"):
        formats.read_triples(replace_line(triples, 2, line))


def test_a_line_that_is_not_utf8(triples: Path) -> None:
    triples.write_bytes(triples.read_bytes() + b'{"anchor": "caf\xe9"}\n')
    with pytest.raises(DataError, match=r"triples\.jsonl:3: not UTF-8 .* 0xe9"):
        formats.read_triples(triples)


READERS = [formats.read_pairs, formats.read_triples, formats.read_contrast, read_answers, read_nli]


@pytest.mark.parametrize("read", READERS)
def test_missing_and_empty_files(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        read(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match=r"empty\.jsonl:1: the file is empty"):
        read(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("file", "line", "text", "message"),
    [
        (
            "corpus.jsonl",
            4,
            '{"_id": "d1", "text": "again"}',
            r"corpus.jsonl:4: .*duplicate id 'd1'.*corpus.jsonl:1",
        ),
        ("corpus.jsonl", 2, '{"_id": 2, "text": "x"}', r"corpus.jsonl:2: field '_id' is int 2"),
        ("corpus.jsonl", 2, '{"_id": "d2"}', r"corpus.jsonl:2: field 'text' is missing"),
        ("corpus.jsonl", 2, '{"_id": "d2", "te', r"corpus.jsonl:2: not valid JSON"),
        ("queries.jsonl", 2, '{"_id": "q1", "text": "x"}', r"queries.jsonl:2: .*duplicate id 'q1'"),
        ("queries.jsonl", 1, '{"_id": "q1", "text": ""}', r"queries.jsonl:1: field 'text' is empty"),
        ("qrels/test.tsv", 2, "q9\td2\thigh", r"test.tsv:2: field 'score': 'high' is not a whole number"),
        ("qrels/test.tsv", 2, "q1\td2\thigh", r"test.tsv:2: field 'score': 'high' is not a whole number"),
        ("qrels/test.tsv", 3, "q1 d3 1", r"test.tsv:3: 1 column"),
        ("qrels/test.tsv", 3, "q1\td2\t1", r"test.tsv:3: .* judged twice"),
    ],
)
def test_a_bad_collection(beir: Path, file: str, line: int, text: str, message: str) -> None:
    replace_line(beir / file, line, text)
    with pytest.raises(DataError, match=message):
        formats.read_beir(beir)


def test_judgements_of_what_is_not_there_are_counted_and_documents_stay(beir: Path) -> None:
    with (beir / "qrels" / "test.tsv").open("a") as stream:
        stream.write("q1\td9\t1\nq2\td9\t0\nq2\td8\t2\nq9\td2\t1\nq9\td7\t1\n")
    data = formats.read_beir(beir)
    assert (data.unknown_documents, data.unknown_queries) == (2, 1)
    assert data.query_ids == ("q1", "q2")
    assert data.qrels["q2"] == {"d4": 1, "d9": 0, "d8": 2}
    replace_line(beir / "qrels" / "test.tsv", 2, "q9\td2\t1")
    assert formats.read_beir(beir).qrels["q1"] == {"d3": 1, "d9": 1}


@pytest.mark.parametrize("line", ["q9\td2\t1", "q1\td9\t1", "q1\td9\t1\nq1\td2\t0"])
def test_nothing_relevant_left_is_an_error(beir: Path, line: str) -> None:
    (beir / "qrels" / "dev.tsv").write_text(line + "\n")
    with pytest.raises(DataError, match=r"dev\.tsv: nothing that is judged relevant is in the collection"):
        formats.read_beir(beir, "dev")


def test_an_empty_split_and_a_split_that_is_not_there(beir: Path) -> None:
    (beir / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DataError, match=r"dev\.tsv: the split is empty \(no judgement\)"):
        formats.read_beir(beir, "dev")
    (beir / "qrels" / "dev.tsv").write_text("q1\td2\t0\n")
    with pytest.raises(DataError, match=r"the split is empty \(no relevant document\)"):
        formats.read_beir(beir, "dev")
    with pytest.raises(DataError, match="no such split; splits of this folder: dev, test"):
        formats.read_beir(beir, "train")
    with pytest.raises(DataError, match="no such folder"):
        formats.read_beir(beir / "nowhere")


def test_a_corpus_that_changes_under_the_audit(beir: Path) -> None:
    data = formats.read_beir(beir)
    (beir / "corpus.jsonl").write_text("{}")
    with pytest.raises(DataError):
        data.documents[3]


def test_a_set_is_named_after_the_folder_that_the_user_names(
    beir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = beir.parent / "linked"
    link.symlink_to(beir)
    assert formats.read_beir(link).name == "linked"
    monkeypatch.chdir(beir)
    assert formats.read_beir(Path()).name == "toy"


def test_split_in_the_name(beir: Path) -> None:
    (beir / "qrels" / "dev.tsv").write_text("q1\td2\t1\n")
    data, split = sources.find_beir(f"{beir}:dev")
    assert (data.name, split, data.query_ids) == ("toy", "dev", ("q1",))
    assert sources.find_beir(str(beir))[1] == "test"


def test_hub_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets

    monkeypatch.chdir(tmp_path)
    rows = {
        ("o/toy", "corpus", "corpus"): [{"_id": "d", "title": "T", "text": "t"}],
        ("o/toy", "queries", "queries"): [{"_id": "q", "text": "t?"}],
        ("o/toy", None, "test"): [
            {"query-id": "q", "corpus-id": "d", "score": 1.0},
            {"query-id": "q", "corpus-id": "lost", "score": 1.0},
            {"query-id": "lost", "corpus-id": "d", "score": 1.0},
        ],
        ("o/pairs", None, "dev"): [{"text1": "a", "text2": "b", "same": 3}],
        ("o/nli", None, "test"): [{"premise": "a", "hypothesis": "b", "label": "neutral"}],
    }
    monkeypatch.setattr(
        datasets, "load_dataset", lambda name, config=None, split=None: rows[name, config, split]
    )
    data, _ = sources.find_beir("o/toy")
    assert (list(data.documents), data.qrels) == (["T t"], {"q": {"d": 1, "lost": 1}})
    assert data.text_starts == [2]
    assert (data.unknown_documents, data.unknown_queries) == (1, 1)
    with pytest.raises(DataError, match="o/pairs:dev row 0: field 'same' is 3"):
        sources.find_pairs("o/pairs:dev")
    assert (sources.find_nli("o/nli").name, sources.find_nli("o/nli").labels) == ("nli", ("neutral",))
    with pytest.raises(
        DataError, match=r"o/nothing: no such path on this machine, and the hub did not give it"
    ):
        sources.find_triples("o/nothing")


def test_the_message_is_one_that_json_can_hold(triples: Path) -> None:
    with pytest.raises(DataError) as caught:
        formats.read_triples(replace_line(triples, 1, '{"anchor": "' + "x" * 5000 + '"}'))
    assert len(json.dumps(str(caught.value))) < 1000
