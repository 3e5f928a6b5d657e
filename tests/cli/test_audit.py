"""The command from end to end on the real model: output, schema, gate, exit codes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from compositional_rerank.audit import systems
from compositional_rerank.audit.cache import EmbeddingCache
from compositional_rerank.audit.run import AuditSettings, read_data
from compositional_rerank.cli import main
from compositional_rerank.errors import CompositionalRerankError
from compositional_rerank.store import FileStore

BASE = "sentence-transformers/all-MiniLM-L6-v2"
SCHEMA_RETRIEVAL = {"documents", "queries", "cosine", "maxsim", "relevance", "two_stage"}


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n", encoding="utf-8"
    )
    return path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPOSITIONAL_RERANK_CACHE", str(tmp_path / "cache"))
    texts = ["A cat sleeps on the roof.", "Rome is closer than Paris.", "Paris is closer than Rome."]
    write_jsonl(tmp_path / "toy" / "corpus.jsonl", [{"_id": f"d{i}", "text": t} for i, t in enumerate(texts)])
    write_jsonl(tmp_path / "toy" / "queries.jsonl", [{"_id": "q", "text": "Which is closer, Rome or Paris?"}])
    write_jsonl(tmp_path / "toy" / "qrels" / "test.tsv", ["query-id\tcorpus-id\tscore", "q\td1\t1"])
    pair = {"text1": texts[1], "text2": texts[2], "same": 0, "edit_type": "role"}
    write_jsonl(
        tmp_path / "swaps.jsonl", [pair, {"text1": texts[1], "text2": "Paris is farther.", "same": 1}]
    )
    triple = {"anchor": texts[1], "positive": "Rome is nearer.", "negative": texts[2], "edit_type": "role"}
    write_jsonl(tmp_path / "trips.jsonl", [triple, {**triple, "edit_type": "spatial"}])
    write_jsonl(tmp_path / "nevir.jsonl", [{"q1": "a?", "q2": "b?", "doc1": "a.", "doc2": "b."}])
    claim = {"premise": texts[1], "hypothesis": "Rome is nearer.", "label": "entailment"}
    other = {"premise": texts[1], "hypothesis": texts[2], "label": "contradiction"}
    write_jsonl(tmp_path / "claims.jsonl", [claim, other])
    asked = {
        "query": "Is Rome closer than Paris?",
        "answers": [{"text": texts[1], "verdict": "supports"}, {"text": texts[2], "verdict": "denies"}],
        "near_misses": ["Rome is closer than Berlin."],
        "silent": ["A cat sleeps on the roof."],
        "form": "yes_no",
    }
    write_jsonl(tmp_path / "asked.jsonl", [asked, {**asked, "query": "Rome Paris", "form": "keywords"}])
    return tmp_path


def everything(data: Path) -> list[str]:
    return [
        *("audit", "--beir", str(data / "toy"), "--pairs", str(data / "swaps.jsonl")),
        *("--triples", str(data / "trips.jsonl"), "--contrast", str(data / "nevir.jsonl"), "--device", "cpu"),
    ]


def test_json_has_the_schema_that_others_rely_on(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*everything(data), "--model", BASE, "--format", "json", "--out", str(data / "out")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    report = json.loads(printed)
    assert report == json.loads((data / "out" / "audit.json").read_text(encoding="utf-8"))
    assert set(report) >= {"model", "retrieval", "near_misses", "latency_ms", "settings"}
    assert report["settings"]["beir"] == ["toy"]
    assert str(data) not in printed  # a report tells nothing of the machine it was made on
    assert report["model"]["name"] == BASE
    toy = report["retrieval"]["toy"]
    assert set(toy) >= SCHEMA_RETRIEVAL
    assert (toy["documents"], toy["queries"]) == (3, 1)
    for system in ("cosine", "maxsim", "relevance", "two_stage"):
        assert set(toy[system]) >= {"ndcg@10", "mrr@10", "recall@100"}
        assert set(report["near_misses"]["swaps"][system]) >= {"auc", "ap"}
        assert set(report["near_misses"]["trips"][system]) >= {"accuracy", "accuracy_anchor"}
        assert set(report["near_misses"]["nevir"][system]) >= {"paired_accuracy"}
    kinds = {name: (entry["kind"], entry["n"]) for name, entry in report["near_misses"].items()}
    assert kinds == {"swaps": ("pairs", 2), "trips": ("triples", 2), "nevir": ("contrast", 1)}
    assert set(report["near_misses"]["trips"]["by_edit_type"]) == {"role", "spatial"}
    assert report["latency_ms"]["two_stage"]["p95"] >= report["latency_ms"]["two_stage"]["p50"] > 0


def test_a_sensitivity_is_measured_against_the_base(
    data: Path, structural_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*everything(data), "--model", str(structural_folder), "--format", "json", "--depth", "1"]
    assert main([*command, "--sensitivity", "0"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert "against" not in plain["settings"]["systems"]
    assert main([*command, "--sensitivity", "0.75"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["against"]["name"] == f"{structural_folder} at sensitivity 0.75"
    for group, name in (("retrieval", "toy"), ("near_misses", "trips"), ("near_misses", "swaps")):
        before, after = plain[group][name], report[group][name]
        assert after["cosine"] == before["cosine"]
        assert "against" in after
    assert main([*command, "--sensitivity", "0.75", "--model", BASE]) == 2
    assert "needs a checkpoint with a structural part" in capsys.readouterr().err


def test_a_sensitivity_is_that_of_the_encoder_where_one_is_named(
    data: Path, structural_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", "--pairs", str(data / "swaps.jsonl"), "--device", "cpu", "--format", "json"]
    command += ["--sensitivity", "0.5"]
    assert main([*command, "--encoder", str(structural_folder), "--verifier", "none"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["against"]["name"] == f"{structural_folder} at sensitivity 0.5"
    assert main([*command, "--model", str(structural_folder), "--encoder", BASE]) == 2
    captured = capsys.readouterr()
    said = f"sensitivity 0.5 needs a checkpoint with a structural part, which {BASE} has not"
    assert (said in captured.err, captured.err.count("\n"), captured.out) == (True, 1, "")


def test_dropping_near_misses_changes_two_stage_alone(
    data: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "It is closer to Rome or to Paris, which is what the guide to Italy said of trains at length."
    more = [{"_id": "d3", "text": "Paris and Rome"}, {"_id": "d4", "text": told}]
    with (data / "toy" / "corpus.jsonl").open("a") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in more)
    with (data / "toy" / "qrels" / "test.tsv").open("a") as stream:
        stream.write("q\td4\t1\n")
    command = ["audit", "--model", str(checkpoint_folder), "--device", "cpu", "--format", "json"]
    command += ["--beir", str(data / "toy"), "--answers", str(data / "asked.jsonl"), "--threshold", "0"]
    reports = []
    for near_misses in ("demote", "drop"):
        assert main([*command, "--near-misses", near_misses]) == 0
        reports.append(json.loads(capsys.readouterr().out))
        assert reports[-1]["settings"]["near_misses"] == near_misses
    for group, name in (("retrieval", "toy"), ("near_misses", "asked")):
        demoted, dropped = (report[group][name] for report in reports)
        for system in ("cosine", "maxsim", "relevance"):
            assert dropped[system] == demoted[system]
    demoted, dropped = (report["retrieval"]["toy"] for report in reports)
    for system in ("maxsim", "relevance"):  # of an emptied list they would keep cosine's order
        assert demoted[system]["ndcg@10"] != demoted["cosine"]["ndcg@10"]
    assert demoted["two_stage"]["recall@100"] == 1.0
    assert dropped["two_stage"]["recall@100"] == 0.0  # at that threshold all that is read is dropped
    demoted, dropped = (
        report["near_misses"]["asked"]["by_form"]["yes_no"]["two_stage"] for report in reports
    )
    assert demoted["in_list"] > dropped["in_list"] == 0.0
    assert demoted["right_above"] == dropped["right_above"]


def test_a_cross_encoder_is_one_of_the_systems_on_the_device_that_is_named(
    data: Path, base_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(7)
    folder, tokenizer = str(tmp_path / "cross"), BertTokenizer.from_pretrained(base_folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    network = BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=1, **shape))
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    command = [*everything(data), "--model", BASE, "--cross-encoder", folder, "--format", "json"]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    rows = [json.loads(line) for line in (data / "swaps.jsonl").read_text().splitlines()]
    wrong, right = CrossEncoder(folder, device="cpu").predict([(row["text1"], row["text2"]) for row in rows])
    assert wrong != right
    assert report["near_misses"]["swaps"]["cross_encoder"]["auc"] == float(right > wrong)
    assert report["retrieval"]["toy"]["cross_encoder"]["recall@100"] == 1.0
    cache = EmbeddingCache(tmp_path / "other")
    # No machine would pick this device, whatever it has.
    loaded = systems.load_systems(BASE, cache, verifier="none", cross_encoder=folder, device="meta")
    assert loaded.cross_encoder is not None
    assert loaded.cross_encoder.model.device.type == "meta"


def test_the_html_asks_nothing_of_the_network(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*everything(data), "--out", str(data / "out")]) == 0
    assert "trips: 2 triples" in capsys.readouterr().out
    page = (data / "out" / "audit.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|@import|url\(|src=", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert page.count("<svg") == 1 + 3 + 3  # the plane, three sets, three systems against cosine
    assert (data / "out" / "audit.md").read_text(encoding="utf-8").startswith("# Audit")


def test_the_html_shows_hostile_names_as_text(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "<script>alert(1)<b onclick='x'>\"&"
    rows = [json.loads(line) for line in (data / "trips.jsonl").read_text().splitlines()]
    file = write_jsonl(data / f"{hostile}.jsonl", [{**row, "edit_type": hostile} for row in rows])
    assert main(["audit", "--triples", str(file), "--model", BASE, "--out", str(data / "out")]) == 0
    page = (data / "out" / "audit.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;b onclick=" in page
    assert "<script" not in page
    assert "<b " not in page


def test_the_gate_ends_with_1_and_says_which_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*everything(data), "--min-rejection", "1", "--max-recall-drop", "1", "--format", "json"]
    command += ["--model", BASE]  # without a verifier nothing is rejected
    assert main(command) == 1
    captured = capsys.readouterr()
    assert "FAIL  trips: no share of rejected near-misses" in captured.err
    assert "PASS  toy: ndcg@10 of two_stage" in captured.err
    assert json.loads(captured.out)["gate"]["passed"] is False


BAD = [
    ("toy/corpus.jsonl", '{"_id": "d9", "text": "cut', "--beir", "toy", "corpus.jsonl:4", "not valid JSON"),
    (
        "toy/corpus.jsonl",
        '{"_id": "d0", "text": "x"}',
        "--beir",
        "toy",
        "corpus.jsonl:4",
        "duplicate id 'd0'",
    ),
    ("toy/qrels/test.tsv", "q\td1\t1", "--beir", "toy", "test.tsv:3", "judged twice"),
    (
        "swaps.jsonl",
        '{"text1": "a", "text2": "b", "same": 2}',
        "--pairs",
        "swaps.jsonl",
        "swaps.jsonl:3",
        "'same'",
    ),
    ("trips.jsonl", '{"anchor": "a"}', "--triples", "trips.jsonl", "trips.jsonl:3", "'positive' is missing"),
    ("nevir.jsonl", "[]", "--contrast", "nevir.jsonl", "nevir.jsonl:2", "one JSON object"),
    (
        "claims.jsonl",
        '{"premise": "a"}',
        "--nli",
        "claims.jsonl",
        "claims.jsonl:3",
        "'hypothesis' is missing",
    ),
]


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a model was loaded before the data was checked")

    monkeypatch.setattr(systems, "load_embedder", refuse)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(("file", "line", "option", "target", "where", "what"), BAD)
def test_bad_data_ends_with_2_before_any_encoding(
    data: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    line: str,
    option: str,
    target: str,
    where: str,
    what: str,
) -> None:
    with (data / file).open("a") as stream:
        stream.write(line + "\n")
    assert main(["audit", option, str(data / target)]) == 2
    message = capsys.readouterr().err
    assert where in message
    assert what in message


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beir", "{}/toy:dev"], "no such split; splits of this folder: test"),
        (["--beir", "{}/nowhere"], "no such folder"),
        (["--pairs", "{}/none.jsonl"], "cannot be read"),
        (["--suite", "mine"], "does not exist; the package ships: natural"),
        (["--triples", "{}/trips.jsonl", "--triples", "{}/trips.jsonl"], "two sets are named 'trips'"),
        (["--depth", "0"], "--depth: must be an integer of at least 1, got '0'"),
        (["--depth", "ten"], "--depth: must be an integer of at least 1, got 'ten'"),
        (["--limit-queries", "-1"], "--limit-queries: must be an integer of at least 1, got '-1'"),
        (["--seed", "-1"], "--seed: must be an integer from 0 to 4294967295, got '-1'"),
        (["--sensitivity", "3"], "--sensitivity: must be a number in [0, 1], got '3'"),
        (["--max-recall-drop", "nan"], "--max-recall-drop: must be a number in [0, 1], got 'nan'"),
        (["--min-rejection", "all"], "--min-rejection: must be a number in [0, 1], got 'all'"),
        (["--max_recall_drop", "0"], "unknown option --max_recall_drop, the nearest is --max-recall-drop"),
        (["--out", " "], "--out: must name a file or folder, got ' '"),
        (["--store", "{}/swaps.jsonl"], "swaps.jsonl is a file, and a store is a folder"),
        (["--pairs", "{}/swaps.jsonl", "--max-recall-drop", "0.1"], "add --beir"),
        (["--nli", "{}/claims.jsonl", "--min-rejection", "0.1"], "needs near-misses to judge"),
        (["--nli", "{}/claims.jsonl", "--nli", "{}/claims.jsonl"], "two sets are named 'claims'"),
        (["--out", "{}/swaps.jsonl"], "choose a folder that can be written to"),
    ],
)
def test_bad_settings_end_with_2(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["audit", *(a.format(data) for a in arguments)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("no_model")
@pytest.mark.skipif(sys.platform != "linux", reason="/sys, where root cannot write either, is of Linux")
@pytest.mark.parametrize("folder", ["/sys", "/sys/report"])
def test_a_read_only_place_for_the_report_ends_with_2(
    data: Path, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    assert main(["audit", "--pairs", str(data / "swaps.jsonl"), "--out", folder]) == 2
    said = capsys.readouterr().err
    assert f"--out {folder}: " in said
    assert "choose a folder that can be written to" in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("no_model")
def test_an_empty_split_ends_with_2(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "toy" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    assert main(["audit", "--beir", str(data / "toy")]) == 2
    assert "test.tsv: the split is empty" in capsys.readouterr().err


def test_errors_are_of_the_one_hierarchy() -> None:
    from compositional_rerank.audit.formats import read_suite

    with pytest.raises(CompositionalRerankError):
        read_suite("other")


def test_a_store_and_a_backend_are_measured_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*everything(data), "--model", BASE, "--format", "json"]
    assert main(command) == 0
    plain = json.loads(capsys.readouterr().out)
    with FileStore(data / "store", dtype="int4"):
        pass
    assert main([*command, "--backend", "openvino", "--store", str(data / "store")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["settings"]["backend"], report["settings"]["store"]) == ("openvino", "int4")
    with FileStore(data / "store") as store:
        assert len(store) > 0
    for name in ("toy",):
        assert report["retrieval"][name]["two_stage"] == plain["retrieval"][name]["two_stage"]


def test_judgements_of_what_is_not_there_are_counted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["audit", "--beir", str(data / "toy"), "--model", BASE, "--device", "cpu"]
    assert main([*command, "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["retrieval"]["toy"]["unknown"] == {"documents": 0, "queries": 0}
    with (data / "toy" / "qrels" / "test.tsv").open("a") as stream:
        stream.write("q\td7\t1\nq\td8\t0\nq9\td1\t1\n")
    assert main([*command, "--format", "json", "--out", str(data / "out")]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    toy = report["retrieval"]["toy"]
    assert toy["unknown"] == {"documents": 2, "queries": 1}
    assert toy["queries"] == 1
    # one of its two relevant documents is not there to be found
    assert toy["cosine"]["recall@100"] == plain["retrieval"]["toy"]["cosine"]["recall@100"] / 2
    said = (
        "toy: its judgements name documents that are not in the corpus, and count as not found: 2; "
        "queries that are not there, and are left out: 1"
    )
    assert captured.err.count(said) == 1
    assert [said in note for note in report["notes"]] == [True, False]
    assert main(command) == 0
    assert capsys.readouterr().out.count(said) == 1


def test_a_model_without_verifier_is_said_once(
    data: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", "--pairs", str(data / "swaps.jsonl"), "--device", "cpu", "--model"]
    assert main([*command, BASE]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("has no verifier, so that near-misses are not judged") == 1
    assert "has no verifier" in captured.out
    assert main([*command, str(checkpoint_folder), "--format", "table"]) == 0
    captured = capsys.readouterr()
    assert "no verifier" not in captured.err + captured.out


def test_verdicts_are_measured_on_answers_contrasts_and_inferences(
    data: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ("--answers", "asked.jsonl", "--nli", "claims.jsonl", "--contrast", "nevir.jsonl")
    command = ["audit", "--model", str(checkpoint_folder), "--device", "cpu", "--out", str(data / "out")]
    command += [word if word.startswith("--") else str(data / word) for word in sets]
    assert main([*command, "--format", "json"]) == 0
    printed = capsys.readouterr().out
    report = json.loads(printed)
    assert str(data) not in printed.replace(str(checkpoint_folder), "")
    assert report["settings"]["nli"] == ["claims.jsonl"]
    claims = report["nli"]["claims"]
    assert claims["n"] == 2
    assert set(claims) >= {"accuracy", "auc", "not_judged", "entailment", "contradiction", "neutral"}
    assert set(claims["ci"]) == {"accuracy", "auc"}
    assert set(claims["by_label"]) == {"entailment", "contradiction"}
    asked = report["near_misses"]["asked"]
    assert asked["n"] == 6
    assert set(asked["two_stage"]) >= {"right_above", "verdict_accuracy", "yes_above_no", "rejection"}
    assert asked["by_form"]["keywords"]["verdicts"]["answers"]["not_judged"] == 1.0
    assert asked["by_form"]["keywords"]["two_stage"]["rejection"] == 0.0
    assert asked["by_form"]["yes_no"]["verdicts"]["silent"]["n"] == 1
    assert "support_right" in report["near_misses"]["nevir"]["two_stage"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    page = (data / "out" / "audit.html").read_text(encoding="utf-8")
    for text in (shown, page, (data / "out" / "audit.md").read_text(encoding="utf-8")):
        assert "claims: 2 hypotheses" in text
        assert "asked: verdicts" in text
        assert "keywords: near-misses" in text
        assert "support right" in text


def test_inferences_alone_are_an_audit(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["audit", "--nli", str(data / "claims.jsonl"), "--model", BASE, "--device", "cpu"]
    assert main([*command, "--out", str(data / "out")]) == 0
    captured = capsys.readouterr()
    assert "has no verifier" in captured.err
    assert "claims: 2 hypotheses" in captured.out
    report = json.loads((data / "out" / "audit.json").read_text(encoding="utf-8"))
    assert (report["near_misses"], report["nli"]["claims"]["accuracy"]) == ({}, None)
    assert report["latency_ms"]["two_stage"]["queries"] == 2


def test_the_natural_suite_is_the_default() -> None:
    assert [part.name for part in read_data(AuditSettings()).near_misses] == ["natural"]
    assert [part.name for part in read_data(AuditSettings(suite="natural")).near_misses] == ["natural"]
