"""Each example app in a process of its own, with and without an endpoint for the answer."""

import json
import os
import re
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from compositional_rerank.audit.answers import read_answers

EXAMPLES = Path(__file__).parents[2] / "examples"
APPS = ["llamaindex_query_engine.py", "langchain_retriever_chain.py"]
QUERY = "electric car charging airport"  # keywords: nothing to judge, whatever the weights


def run(app, *arguments, **environment):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / app), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
    )


@pytest.fixture
def endpoint():
    """A real OpenAI-compatible server on this machine; `status` and `reply` say how it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.requests.append((self.path, dict(self.headers), body))
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(json.dumps(self.server.reply).encode())

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.status = [], 200
    server.reply = {
        "choices": [{"message": {"role": "assistant", "content": "Forty cents, says the endpoint."}}]
    }
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("app", APPS)
def test_default_queries_show_both_rankings_and_the_source(app):
    done = run(app)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Query: ") == 6
    scores = ("retrieval_score", "relevance", "verdict", "support", "mismatch", "score")
    for header in ("BEFORE", "AFTER", "evidence", *scores):
        assert header in done.stdout
    kettle = done.stdout.split("limescale?\n")[1].split("\nAnswer:")[0]
    before, after = kettle.split("AFTER")
    assert "Kettle Brio [right]" in before
    assert "Kettle Brio Pro [near-miss]" in before
    # recognised, the near-miss falls behind everything that is none, and out of the lines that are shown
    assert "Kettle Brio Pro [near-miss]" not in after.split("Kettle Brio [right]")[0]
    cars = done.stdout.split(f"Query: {QUERY}\n")[1]
    assert "supports" not in cars
    assert '"' not in cars, "no evidence"
    assert "Answer: In terminal 1, electric cars charge free of charge in garage P1" in cars
    assert "Source: Terminal 1 [airport-t1]" in cars
    assert re.search(r"Right passage above its near-misses: \d of 5 before, \d of 5 after\.", cars)


def test_all_queries_are_counted_by_form():
    done = run("all_queries.py")
    assert done.returncode == 0, done.stderr
    for form in ("answer yes", "answer no", "other question", "statement", "all"):
        assert re.search(rf"{form} +\d+ of \d+ +\d+ of \d+\n", done.stdout)
    assert "Taken for a near-miss: " in done.stdout


def test_the_audit_reads_the_queries_that_are_written(tmp_path):
    done = run("all_queries.py", "--write-answers", str(tmp_path / "answers.jsonl"))
    assert done.returncode == 0, done.stderr
    found = read_answers(tmp_path / "answers.jsonl")
    lines = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(found.queries) == len(lines)
    [kettle] = [entry for entry in map(json.loads, lines) if entry["query"].endswith("cover limescale?")]
    [answer], [near_miss] = kettle["answers"], kettle["near_misses"]
    assert answer["text"].startswith("Kettle Brio\n")
    assert answer["verdict"] == "denies"
    assert near_miss.startswith("Kettle Brio Pro\n")
    assert kettle["form"] == "yes_no"


def test_the_cache_is_asked_with_a_guard_and_without(tmp_path):
    done = run("semantic_cache.py", "--limit", "120", "--out", str(tmp_path / "cache.json"))
    assert done.returncode == 0, done.stderr
    assert re.search(r"guard, support from 0\.5( +\d+){4}\n", done.stdout)
    found = json.loads((tmp_path / "cache.json").read_text(encoding="utf-8"))
    counts = found["counts"]
    assert counts["hits"] + counts["guarded"] + counts["misses"] == found["requests"] == 120
    *by_cosine, guarded = found["rows"]
    assert len(by_cosine) == 3
    assert guarded["right"] + guarded["wrong"] == counts["hits"]
    assert all(row["right"] + row["wrong"] + row["misses"] == 120 for row in found["rows"])


@pytest.mark.parametrize("app", APPS)
def test_an_endpoint_writes_the_answer(app, endpoint):
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    done = run(app, "--query", QUERY, "--base-url", url, "--model", "tiny", OPENAI_API_KEY="secret")
    assert done.returncode == 0, done.stderr
    assert "Answer: Forty cents, says the endpoint." in done.stdout
    [(path, headers, body)] = endpoint.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body["model"] == "tiny"
    [message] = body["messages"]
    assert message["role"] == "user"
    assert QUERY in message["content"]
    assert "40 cents per kilowatt-hour" in message["content"]
    for key in (
        "retrieval_score",
        "relevance",
        "mismatch",
        "verdict",
        "evidence",
    ):  # our scores are not for the model's eyes
        assert key not in message["content"]


def test_an_endpoint_that_fails_is_a_clear_error(endpoint):
    endpoint.status, endpoint.reply = 401, {"error": "no such key"}
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    done = run("langchain_retriever_chain.py", "--query", QUERY, "--base-url", url, "--model", "tiny")
    assert done.returncode == 1
    assert f"{url}/chat/completions answered 401" in done.stderr
    assert "no such key" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_endpoint_that_is_not_there_is_a_clear_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        done = run("llamaindex_query_engine.py", "--query", QUERY, "--base-url", url, "--model", "tiny")
    assert done.returncode == 1
    assert f"{url}/chat/completions cannot be used" in done.stderr
    assert "--base-url" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_endpoint_without_a_model_is_a_usage_error():
    done = run("langchain_retriever_chain.py", "--base-url", "http://localhost/v1")
    assert done.returncode == 2
    assert "belong together" in done.stderr


CHECKS = ["answer_check_langchain.py", "answer_check_llamaindex.py"]


@pytest.mark.parametrize("app", CHECKS)
def test_an_answer_is_checked(app):
    done = run(app)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Norvaxil Forte is safe for children\. \[denied by \d", done.stdout)
    assert "Norvaxil was developed in Copenhagen. [no source]" in done.stdout
    assert "denies       Norvaxil Forte is safe for children.\n" in done.stdout
    assert "“Norvaxil Forte is not safe for children." in done.stdout
    assert "-            Would you like to know more?\n" in done.stdout


@pytest.mark.parametrize("app", CHECKS)
def test_an_endpoint_writes_the_answer_that_is_checked(app, endpoint):
    endpoint.reply["choices"][0]["message"]["content"] = "Norvaxil Forte is safe for children."
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    done = run(app, "--query", "Is Norvaxil Forte safe?", "--base-url", url, "--model", "tiny")
    assert done.returncode == 0, done.stderr
    assert "denies       Norvaxil Forte is safe for children.\n" in done.stdout
    [(_, _, body)] = endpoint.requests
    assert "Norvaxil Forte is not safe for children." in body["messages"][0]["content"]


@pytest.mark.parametrize("app", CHECKS)
def test_a_question_needs_something_that_answers(app):
    done = run(app, "--query", "Is Norvaxil Forte safe?")
    assert done.returncode == 1
    assert "give --base-url and --model" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_memory_holds_no_two_opposite_facts():
    done = run("agent_memory.py")
    assert done.returncode == 0, done.stderr
    told, rest = done.stdout.split("</memory>")
    assert told.count("<fact>") == 3
    assert "<fact>The user is not allergic to penicillin.</fact>" in told
    assert "<fact>The user is allergic to penicillin.</fact>" not in told
    assert "The user is allergic to penicillin. -> The user is not allergic to penicillin.\n" in rest
    assert "To be asked about: nothing" in rest


def test_a_langgraph_store_returns_no_two_opposite_facts():
    pytest.importorskip("langgraph.store.memory")
    done = run("agent_memory_langgraph.py")
    assert done.returncode == 0, done.stderr
    for action in ("add      ", "known    ", "replace  "):
        assert f"{action}The user is " in done.stdout
    _, allergy, office = re.split(r"\n\n.*\?\n", done.stdout)
    assert allergy.strip() == "The user is not allergic to penicillin."
    assert office.strip() == "The user's office is open on Fridays."
