"""The verb rerank, on the real model; the last tests start the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import SHIPPED_NAME, CompositionalReranker
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.cli import main

QUERY = "Rome is closer than Paris"
PASSAGES = [
    "The soup is cold.",
    "Paris is closer than Rome.",
    "Rome is closer than Paris.",
    "Rome lies in Italy.",
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
PROCESS = [sys.executable, "-m", "compositional_rerank"]


def _records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_jsonl_has_the_order_and_scores_of_the_core(command: Any, reranker: CompositionalReranker) -> None:
    outcome = command("rerank", "--query", QUERY, "--format", "jsonl", stdin="\n".join(PASSAGES))
    ranking = reranker.rerank(QUERY, PASSAGES)
    assert outcome.code == 0
    records = _records(outcome.out)
    assert [record["index"] for record in records] == [result.index for result in ranking]
    assert [record["rank"] for record in records] == [1, 2, 3, 4]
    for record, result in zip(records, ranking, strict=True):
        assert record["text"] == result.text
        assert record["retrieval_score"] is None
        for name in (
            *("relevance", "closeness", "verdict", "support", "mismatch", "near_miss", "evidence", "score"),
        ):
            assert record[name] == getattr(result, name)


def test_encoder_and_verifier_reach_the_reranker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "passages.txt"
    file.write_text("\n".join(PASSAGES[1:3]))
    arguments = ["rerank", "--query", f"{QUERY}.", "--format", "json", "--device", "cpu", str(file)]
    assert main([*arguments, "--encoder", "none"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == f"no encoder with the verifier of {SHIPPED_NAME}"
    assert [result["index"] for result in found["results"]] == [1, 0]
    assert [result["near_miss"] for result in found["results"]] == [False, True]
    assert main([*arguments, "--encoder", "all-MiniLM-L6-v2", "--verifier", "none"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["threshold"] is None
    assert captured.err.count("has no verifier") == 1
    assert main([*arguments, "--model", "a", "--encoder", "b", "--verifier", "c"]) == 2
    assert "model 'a' would be used for nothing" in capsys.readouterr().err


def test_jsonl_in_keeps_ids_scores_and_other_fields(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "hits.jsonl"
    lines = [
        {"text": PASSAGES[2], "id": "a", "score": 0.5, "year": 2026},
        {"text": PASSAGES[0], "id": 7, "retrieval_score": 2, "score": 9},
        {"text": ""},
    ]
    file.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    outcome = command("rerank", "--query", QUERY, "--format", "jsonl", str(file))
    first, second, third = _records(outcome.out)
    assert (first["id"], first["retrieval_score"], first["year"]) == ("a", 0.5, 2026)
    assert (second["id"], second["retrieval_score"]) == (7, 2.0)
    assert (third["id"], third["text"], third["relevance"]) == (None, "", -1.0)


def test_json_is_one_object(command: Any, tmp_path: Path, reranker: CompositionalReranker) -> None:
    file = tmp_path / "hits.csv"
    file.write_text(f"id,body,score,year\na,{PASSAGES[2]},0.5,2026\nb,{PASSAGES[0]},,2025\n")
    outcome = command("rerank", "--query", QUERY, "--format", "json", str(file))
    found = json.loads(outcome.out)
    assert (found["query"], found["model"], found["threshold"]) == (QUERY, reranker.name, None)
    first, second = found["results"]
    assert (first["rank"], first["index"], first["id"], first["year"]) == (1, 0, "a", "2026")
    assert (first["retrieval_score"], second["retrieval_score"]) == (0.5, None)
    names = "relevance closeness verdict support mismatch evidence score text"
    assert set(names.split()) <= set(first)
    again = command("rerank", "--query", QUERY, "--format", "json", stdin=outcome.out)
    assert json.loads(again.out)["results"] == found["results"]
    none = command("rerank", "--query", QUERY, "--format", "json", "--min-score", "2", str(file))
    assert (none.code, json.loads(none.out)["results"]) == (1, [])
    empty = command("rerank", "--query", QUERY, "--format", "json", stdin="\n")
    assert (empty.code, json.loads(empty.out)["results"]) == (1, [])


def test_many_queries_rank_as_one_at_a_time(command: Any, tmp_path: Path) -> None:
    passages, asked = tmp_path / "passages.txt", tmp_path / "queries.jsonl"
    passages.write_text("\n".join(PASSAGES))
    queries = [QUERY, "Is the soup cold?", QUERY]
    asked.write_text(
        "".join(json.dumps({"text": one, "id": f"q{n}"}) + "\n" for n, one in enumerate(queries))
    )
    many = ("rerank", "--queries", str(asked), "--top-n", "3", str(passages), "--format")
    alone = [
        json.loads(command("rerank", "--query", one, "--top-n", "3", "--format", "json", str(passages)).out)
        for one in queries
    ]
    whole = json.loads(command(*many, "json").out)
    assert whole == [{**one, "query_id": f"q{number}"} for number, one in enumerate(alone)]
    assert _records(command(*many, "jsonl").out) == [
        {**record, "query": one["query"], "query_id": f"q{number}"}
        for number, one in enumerate(alone)
        for record in one["results"]
    ]
    text = command(*many, "text").out
    tables = [command("rerank", "--query", one, "--top-n", "3", str(passages)).out for one in queries]
    assert text == "\n".join(f"query: {one}\n{table}" for one, table in zip(queries, tables, strict=True))


def test_queries_are_one_a_line_also_where_blank_lines_part_them(command: Any, tmp_path: Path) -> None:
    passages, asked = tmp_path / "passages.txt", tmp_path / "queries.txt"
    passages.write_text("\n".join(PASSAGES))
    asked.write_text("Is the soup cold?\nIs it hot?\n\nIs it old?\n")
    outcome = command("rerank", "--queries", str(asked), "--format", "json", str(passages))
    assert [one["query"] for one in json.loads(outcome.out)] == [
        "Is the soup cold?",
        "Is it hot?",
        "Is it old?",
    ]


def test_many_queries_left_and_wrong(command: Any, tmp_path: Path) -> None:
    passages, asked = tmp_path / "passages.txt", tmp_path / "queries.txt"
    passages.write_text("\n".join(PASSAGES))
    asked.write_text(f"{QUERY}\nxylophone\n")
    few = command("rerank", "--queries", str(asked), "--min-score", "0.5", "--format", "json", str(passages))
    assert [bool(one["results"]) for one in json.loads(few.out)] == [True, False]
    assert few.code == 0
    assert "none of the 4 passages is left after the cuts of query 2" in few.err
    assert command("rerank", "--queries", str(asked), "--min-score", "2", str(passages)).code == 1
    from_stdin = command("rerank", "--queries", "-", "--format", "jsonl", str(passages), stdin=QUERY)
    assert {record["query"] for record in _records(from_stdin.out)} == {QUERY}
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "blank.json").write_text('["a", " "]')
    (tmp_path / "unseen.txt").write_text(f"{QUERY}\n\u200b\u200b\n")
    for arguments, said in {
        ("--queries", "-"): "--queries - and the passages are both standard input: name a file of passages",
        ("--queries", str(tmp_path / "empty.txt")): "empty.txt holds no query: write one a line",
        ("--queries", str(tmp_path / "blank.json")): "blank.json, query 2: query is blank",
        ("--queries", str(tmp_path / "unseen.txt")): "unseen.txt, query 2: query",
        ("--queries", str(asked), "--query", "x"): "not allowed with argument",
    }.items():
        outcome = command("rerank", *arguments, stdin="a passage")
        assert outcome.code == 2
        assert said in outcome.err
        assert outcome.err.count("error:") == 1


def test_table_is_another_name_for_text(command: Any) -> None:
    ask = ("rerank", "--query", QUERY, "--format")
    assert command(*ask, "table", stdin="Rome").out == command(*ask, "text", stdin="Rome").out


def test_a_verifier_is_not_missed_where_there_is_one(command: Any, judging: CompositionalReranker) -> None:
    outcome = command("rerank", "--query", QUERY, "--format", "json", stdin="\n".join(PASSAGES))
    assert outcome.err == ""
    assert json.loads(outcome.out)["threshold"] == judging.threshold
    assert command("explain", "--query", QUERY, "--passage", "Rome").err == ""


def test_verdicts_and_their_evidence_are_those_of_the_core(
    command: Any, judging: CompositionalReranker
) -> None:
    outcome = command("rerank", "--query", QUERY, "--format", "jsonl", stdin="\n".join(PASSAGES))
    records = _records(outcome.out)
    assert any(record["mismatch"] is not None for record in records)
    for record, result in zip(records, judging.rerank(QUERY, PASSAGES), strict=True):
        assert (record["verdict"], record["support"]) == (result.verdict, result.support)
        assert record["evidence"] == (None if result.evidence is None else list(result.evidence))


def test_the_table_names_the_verdict_and_begins_with_the_evidence(
    command: Any, judging: CompositionalReranker
) -> None:
    passages = [
        f"Distances\n\n{PASSAGES[1]} It is far.",
        PASSAGES[2],
        "Le train part à neuf heures et il est à l'heure.",
    ]
    stdin = "\n".join(json.dumps({"text": passage}) for passage in passages)
    head, *lines = command("rerank", "--query", QUERY, stdin=stdin).out.splitlines()
    assert head.split() == ["rank", "score", "relevance", "verdict", "mismatch", "passage"]
    for line, result in zip(lines, judging.rerank(QUERY, passages), strict=True):
        word, text = line.split()[3], " ".join(line.split()[5:])
        assert word == ("-" if result.mismatch is None else result.verdict or "silent")
        if result.evidence is not None:
            assert text.startswith(("… Paris is closer than Rome.", "Rome is closer than Paris."))
        else:
            assert text.startswith(("Distances", "Rome", "Le train"))


def test_denials_and_max_verified_reach_the_core(command: Any, judging: CompositionalReranker) -> None:
    question, stdin = "Is Rome closer than Paris?", "\n".join(PASSAGES)
    for denials in ("auto", "keep", "penalise"):
        outcome = command(
            "rerank", "--query", question, "--denials", denials, "--format", "jsonl", stdin=stdin
        )
        expected = judging.rerank(question, PASSAGES, denials=denials)  # type: ignore[arg-type]
        assert [record["mismatch"] for record in _records(outcome.out)] == [one.mismatch for one in expected]
    for most in (0, 1):
        outcome = command(
            "rerank", "--query", QUERY, "--max-verified", str(most), "--format", "jsonl", stdin=stdin
        )
        assert sum(record["mismatch"] is not None for record in _records(outcome.out)) == most
    none = command("rerank", "--query", QUERY, "--max-verified", "0", stdin=stdin)
    assert none.out.split()[:4] == ["rank", "score", "relevance", "passage"]


def test_output_can_come_in_again(command: Any) -> None:
    once = command("rerank", "--query", QUERY, "--format", "jsonl", stdin="\n".join(PASSAGES)).out
    again = command("rerank", "--query", QUERY, "--format", "jsonl", stdin=once).out
    assert [record["text"] for record in _records(again)] == [record["text"] for record in _records(once)]


def test_the_order_of_the_input_can_be_kept(command: Any) -> None:
    given = "\n".join(json.dumps({"text": text, "score": 9 - place}) for place, text in enumerate(PASSAGES))
    options = ("--query", QUERY, "--format", "jsonl", "--order")
    kept = _records(command("rerank", *options, "retriever", stdin=given).out)
    assert [(record["index"], record["score"]) for record in kept] == [(0, 9), (1, 8), (2, 7), (3, 6)]
    replaced = _records(command("rerank", *options, "relevance", stdin=given).out)
    assert [record["score"] for record in replaced] == [record["relevance"] for record in replaced]
    assert replaced[0]["index"] == 2


def test_nan_becomes_null(command: Any) -> None:
    outcome = command(
        "rerank", "--query", "x", "--format", "jsonl", stdin='{"text": "a", "score": NaN, "b": [NaN]}'
    )
    (record,) = _records(outcome.out)
    assert record["retrieval_score"] is None
    assert record["b"] == [None]


def test_table_fits_the_terminal_and_is_harmless(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    passages = ["word " * 100, "\x1b[31mred\x1b[0m \u202eturned", "日本" * 60]
    outcome = command("rerank", "--query", "word", stdin="\n".join(passages))
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["rank", "score", "relevance", "passage"]
    assert len(lines) == 4
    assert all(len(line) <= 70 for line in lines)
    assert "\x1b" not in outcome.out
    assert "\u202e" not in outcome.out


def test_table_shows_paragraphs_on_one_line(command: Any, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Rome lies\nin Italy.\n")
    outcome = command("rerank", "--query", "Rome", str(tmp_path))
    assert outcome.out.splitlines()[1].endswith("  Rome lies in Italy.")


def test_table_shows_ids_and_retrieval_scores_where_there_are_some(command: Any) -> None:
    stdin = '{"text": "Rome", "id": "a", "score": 0.25}\n{"text": "Oslo"}'
    head, first, second = command("rerank", "--query", "Rome", stdin=stdin).out.splitlines()
    assert head.split() == ["rank", "score", "relevance", "retrieval", "id", "passage"]
    assert first.split()[3:] == ["0.25", "a", "Rome"]
    assert second.split()[3:] == ["-", "Oslo"]


def test_cuts(command: Any) -> None:
    stdin = "\n".join(PASSAGES)
    assert len(command("rerank", "--query", QUERY, "--top-n", "2", stdin=stdin).out.splitlines()) == 3
    none = command("rerank", "--query", QUERY, "--min-score", "2", stdin=stdin)
    assert (none.code, none.out) == (1, "")
    assert "none of the 4 passages" in none.err
    unverified = command("rerank", "--query", QUERY, "--max-mismatch", "0.5", stdin=stdin)
    assert unverified.code == 0
    assert unverified.err.count("has no verifier, so that near-misses are not judged") == 1
    assert "--max-mismatch drops nothing" in unverified.err


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ('{"text": "a"}\n{"text": 3}', "<stdin>:2: field 'text' must be a string, got 3"),
        ('{"text": "a"}\n{"txt": "b"}', "<stdin>:2: field 'text' is missing"),
        ('{"text": "a"}\nnot json', "<stdin>:2: not JSON"),
        ('{"text": "a"}\n[1]', "<stdin>:2: must be an object"),
        ('{"text": "a", "score": "high"}', "<stdin>:1: field 'score' must be a number"),
        ('{"text": "a", "score": true}', "<stdin>:1: field 'score' must be a number"),
        ('{"text": "a", "id": [1]}', "<stdin>:1: field 'id' must be a string or an integer"),
        (b"good\n\xff\xfe", "<stdin>:2: byte 1 is not UTF-8"),
    ],
)
def test_bad_lines_are_named(command: Any, stdin: str | bytes, said: str) -> None:
    outcome = command("rerank", "--query", "x", stdin=stdin)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("compositional-rerank: error: ")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--query"),
        (["--query", "  "], "query is blank"),
        (["--query", "x", "--top-n", "0"], "at least 1"),
        (["--query", "x", "--max-mismatch", "1.5"], "[0, 1]"),
        (["--query", "x", "--min-score", "nan"], "--min-score"),
        (["--query", "x", "no-such-file"], "no-such-file cannot be read"),
        (["--query", "x", ""], "the name of a file is blank"),
        (["--query", "x", "--top-n", "many"], "--top-n: must be an integer of at least 1, got 'many'"),
        (["--query", "x", "--max-mismatch", "low"], "--max-mismatch: must be a number in [0, 1], got 'low'"),
        (["--query", "x", "--denials", "no"], "'no' (choose from"),
        (["--query", "x", "--order", "best"], "'best' (choose from"),
        (["--query", "x", "--near-misses", "hide"], "'hide' (choose from"),
        (
            ["--query", "x", "--threshold", "2"],
            "--threshold: must be a number in [0, 1], got '2'; shipped is",
        ),
        (
            ["--query", "x", "--max-verified", "-1"],
            "--max-verified: must be an integer of at least 0, got '-1'",
        ),
        (["--query", "x", "--store", ""], "--store: must name a file or folder, got ''"),
        (["--query", "x", "--format", "xml"], "'xml' (choose from"),
        (
            ["--query", "x", "--top_n", "5", "hits.jsonl"],
            "unknown option --top_n, the nearest is --top-n; see: ",
        ),
        (
            ["--query", "x", "hits.jsonl", "--top_n=5"],
            "unknown option --top_n, the nearest is --top-n; see: ",
        ),
        (
            ["--query", "x", "--maxMismatch", "1"],
            "unknown option --maxMismatch, the nearest is --max-mismatch",
        ),
        (["--query", "x", "-n", "5"], "unknown option -n; see: compositional-rerank rerank --help"),
        (["--query", "-x"], "--query needs a value, '-x' looks like an option: write --query=-x"),
        (["--query", "x", "--min-score", "-1e3"], "write --min-score=-1e3"),
    ],
)
def test_bad_usage_is_one_line(command: Any, arguments: list[str], said: str) -> None:
    outcome = command("rerank", *arguments, stdin="a passage")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_nothing_in_is_nothing_left(command: Any) -> None:
    outcome = command("rerank", "--query", "x", stdin="\n \n")
    assert (outcome.code, outcome.out) == (1, "")


def test_process_reads_stdin() -> None:
    done = subprocess.run(
        [*PROCESS, "rerank", "--query", QUERY, "--format", "jsonl", "--model", "all-MiniLM-L6-v2"],
        input="\n".join(PASSAGES), capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == f"{DEFAULT_BASE} has no verifier, so that near-misses are not judged\n"
    assert _records(done.stdout)[-1]["text"] == PASSAGES[0]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_process_survives_a_closed_pipe(unbuffered: str) -> None:
    process = subprocess.Popen(
        [*PROCESS, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_process_on_a_terminal_says_what_it_waits_for_and_ends_cleanly_when_interrupted() -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*PROCESS, "rerank", "--query", "x"], stdin=theirs, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"reading passages from the terminal; end with Ctrl-D on a new line\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130
    assert said == b"\n"


@pytest.mark.parametrize("verb", ["rerank", "explain", "warm"])
def test_help_loads_nothing_heavy(verb: str) -> None:
    code = (
        "import sys; from compositional_rerank.cli import main; "
        f"assert main(['{verb}', '--help']) == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
