"""The MCP server, asked by mcp's own client: over both transports in its own process, and in this one."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")
from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import CallToolResult

from compositional_rerank import CompositionalReranker
from compositional_rerank.cli import main
from compositional_rerank.serving.mcp import build_server

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
PROCESS = [sys.executable, "-m", "compositional_rerank", "mcp", "--device", "cpu"]
QUERY = "Does the warranty cover water damage?"
PASSAGES = [
    "The soup is cold.",
    "Terms and conditions\n\nWater damage is not covered by the warranty.",
    "The warranty covers fire damage.",
    "",
]
ANSWER = "The warranty covers water damage. It runs for ten years."
QUESTIONS = ("Is the drug safe for children?", "Is the drug unsafe for children?")


@pytest.fixture(scope="module")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


def content(result: CallToolResult) -> dict[str, Any]:
    """The structured content, which is also there as text, for clients that read only that."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    assert json.loads(result.content[0].text) == result.structured_content  # type: ignore[union-attr]
    return result.structured_content


def said(result: CallToolResult) -> str:
    """The error that the client sees."""
    assert result.is_error
    return result.content[0].text  # type: ignore[union-attr, no-any-return]


async def assert_answers(client: Client, core: CompositionalReranker) -> None:
    """Each tool answers what the core answers, number for number."""
    names = "relevance verdict support mismatch near_miss score index text".split()
    found = content(
        await client.call_tool("rerank", {"query": QUERY, "passages": PASSAGES, "denials": "penalise"})
    )
    ranking = core.rerank(QUERY, PASSAGES, denials="penalise")
    assert (found["model"], found["threshold"]) == (core.name, core.threshold)
    assert [[one[name] for name in names] for one in found["results"]] == [
        [getattr(one, name) for name in names] for one in ranking
    ]
    for one in found["results"]:
        assert one["quote"] == (one["evidence"] and one["text"][slice(*one["evidence"])])
    assert any(one["quote"] for one in found["results"])

    found = content(await client.call_tool("verify", {"query": QUERY, "passages": PASSAGES}))
    names = "verdict support denial mismatch".split()
    expected = core.verify(QUERY, PASSAGES)
    assert [[one[name] for name in [*names, "near_miss"]] for one in found["verdicts"]] == [
        [getattr(one, name) for name in [*names, "near_miss"]] for one in expected
    ]
    assert found["verdicts"][1]["quote"] == "Water damage is not covered by the warranty."

    found = content(await client.call_tool("check_answer", {"answer": ANSWER, "passages": PASSAGES}))
    assert found["faithfulness"] == 0.0
    assert found["sentences"] == core.check(ANSWER, PASSAGES).to_dict()["sentences"]
    assert found["sentences"][0]["passages"][0]["index"] == 1

    cached, new = QUESTIONS
    found = content(await client.call_tool("same_question", {"cached": cached, "new": new}))
    same = core.same_question(cached, new)
    assert [found[name] for name in names] == [getattr(same, name) for name in names]


async def test_over_stdio_with_nothing_but_the_protocol_on_stdout(
    shipped: CompositionalReranker, tmp_path: Path
) -> None:
    # What a library prints while it is loaded goes to stderr.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "sys.addaudithook(lambda event, args: print('noise') if event == 'import' and args[0] == 'torch'"
        " else None)\n"
    )
    paths = os.pathsep.join(filter(None, [str(tmp_path), ENVIRONMENT.get("PYTHONPATH")]))
    shell = f"{shlex.join(PROCESS)} 2> errors | tee out"
    server = StdioServerParameters(
        command="sh", args=["-c", shell], env={**ENVIRONMENT, "PYTHONPATH": paths}, cwd=tmp_path
    )
    async with Client(stdio_client(server)) as client:
        await assert_answers(client, shipped)
        assert "at least 1, got 0" in said(
            await client.call_tool("rerank", {"query": QUERY, "passages": PASSAGES, "top_n": 0})
        )
    lines = (tmp_path / "out").read_text().splitlines()
    assert len(lines) >= 6
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in lines)
    assert "noise" in (tmp_path / "errors").read_text()


def test_ctrl_c_ends_it_while_it_waits_for_input() -> None:
    code = (
        "from compositional_rerank import CompositionalReranker\n"
        "from compositional_rerank.serving.mcp import build_server, serve_stdio\n"
        "serve_stdio(build_server(CompositionalReranker()))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(300) == -signal.SIGINT
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of the command's server over HTTP, which ends well when it is told to."""
    process = subprocess.Popen(
        [*PROCESS, "--transport", "streamable-http", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/mcp", line)
        assert found, line
        yield found[0]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out, err.strip()) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


async def test_over_streamable_http(shipped: CompositionalReranker, address: str) -> None:
    for mode in ("auto", "legacy"):
        async with Client(address, mode=mode) as client:
            await assert_answers(client, shipped)
            assert "query is blank" in said(
                await client.call_tool("verify", {"query": " ", "passages": PASSAGES})
            )
    port = address.rsplit(":", 1)[1].removesuffix("/mcp")
    done = subprocess.run(
        [*PROCESS[:-2], "--transport", "streamable-http", "--port", port, "--model", "all-MiniLM-L6-v2"],
        capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr


async def test_tools_say_what_they_take_and_return(shipped: CompositionalReranker) -> None:
    async with Client(build_server(shipped)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"rerank", "verify", "check_answer", "same_question"}
        for tool in tools.values():
            assert tool.description
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            assert tool.output_schema is not None
            assert tool.output_schema["properties"]["model"]["type"] == "string"
            for name, argument in tool.input_schema["properties"].items():
                assert argument["description"], (tool.name, name)
        taken = tools["rerank"].input_schema
        assert taken["required"] == ["query", "passages"]
        assert taken["properties"]["max_mismatch"]["maximum"] == 1
        assert taken["properties"]["threshold"]["maximum"] == 1
        assert taken["properties"]["order"]["enum"] == ["auto", "retriever", "mix", "relevance"]


async def test_cuts_and_options_reach_the_core(shipped: CompositionalReranker) -> None:
    async with Client(build_server(shipped)) as client:
        ask = {"query": QUERY, "passages": PASSAGES}
        options: list[dict[str, Any]] = [
            {"top_n": 2},
            {"min_score": 0.1},
            {"max_mismatch": 0.3, "denials": "penalise"},
            {"max_verified": 0},
            {"order": "retriever"},
            {"order": "relevance", "near_misses": "mark"},
            {"near_misses": "drop", "threshold": 0.1},
            {"near_misses": "penalise", "threshold": "shipped", "denials": "penalise"},
        ]
        for option in options:
            found = content(await client.call_tool("rerank", {**ask, **option}))["results"]
            expected = shipped.rerank(QUERY, PASSAGES, **option)
            assert [(one["index"], one["score"], one["mismatch"], one["near_miss"]) for one in found] == [
                (one.index, one.score, one.mismatch, one.near_miss) for one in expected
            ]
        found = content(await client.call_tool("rerank", {**ask, "return_text": False}))["results"]
        assert {one["text"] for one in found} == {None}
        assert content(await client.call_tool("rerank", {"query": QUERY, "passages": []}))["results"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("rerank", {"query": QUERY}, "rerank: passages is missing: see"),
        ("rerank", {"query": QUERY, "passages": ["a"], "top_k": 3}, "no argument 'top_k': it has query,"),
        (
            "rerank",
            {"query": QUERY, "passages": ["a", 3]},
            "passages.1: input should be a valid string, got 3",
        ),
        ("rerank", {"query": QUERY, "passages": ["a"], "max_mismatch": 2}, "must be in [0, 1], got 2"),
        ("rerank", {"query": QUERY, "passages": ["a"], "denials": "no"}, "denials: input should be 'auto'"),
        ("rerank", {"query": QUERY, "passages": ["a"], "order": "best"}, "order: input should be 'auto',"),
        ("rerank", {"query": QUERY, "passages": ["a"], "near_misses": "hide"}, "near_misses: input should"),
        ("rerank", {"query": QUERY, "passages": ["a"], "threshold": 2}, "must be in [0, 1], got 2"),
        ("rerank", {"query": QUERY, "passages": list("abcd")}, "has 4 texts, the server takes 3: pass fewer"),
        ("verify", {"query": "  ", "passages": ["a"]}, "query is blank ('  '): pass the question"),
        ("check_answer", {"answer": "", "passages": ["a"]}, "answer is blank"),
        ("check_answer", {"answer": "a", "passages": ["a"], "max_verified": 0}, "at least 1, got 0"),
        ("same_question", {"cached": "a"}, "new is missing"),
        ("rank", {}, "unknown tool 'rank': the tools are rerank, verify, check_answer, same_question"),
    ],
)
async def test_errors_name_value_limit_and_fix(
    shipped: CompositionalReranker, tool: str, arguments: dict[str, Any], message: str
) -> None:
    async with Client(build_server(shipped, max_passages=3)) as client:
        found = said(await client.call_tool(tool, arguments))
        assert message in found
        assert "\n" not in found


async def test_a_model_without_a_verifier_says_so(reranker: CompositionalReranker) -> None:
    async with Client(build_server(reranker)) as client:
        found = said(await client.call_tool("verify", {"query": QUERY, "passages": PASSAGES}))
        assert f"{reranker.name} has no verifier: pass verifier=" in found
        ranked = content(await client.call_tool("rerank", {"query": QUERY, "passages": PASSAGES}))
        assert ranked["threshold"] is None


async def test_many_passages_report_progress(fresh_reranker: CompositionalReranker) -> None:
    heard: list[tuple[float, float | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    passages = [f"word {number}" for number in range(150)]
    async with Client(build_server(fresh_reranker)) as client:
        ask = {"query": "word 7", "passages": passages, "top_n": 1}
        found = content(await client.call_tool("rerank", ask, progress_callback=hear))
    assert found["results"][0]["text"] == "word 7"
    assert heard == [(0, 150), (64, 150), (128, 150)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "80"], "--port goes with --transport streamable-http: add that, or leave --port out"),
        (["--host", "::1"], "--host goes with --transport streamable-http"),
        (["--max-passages", "0"], "must be an integer of at least 1, got '0'"),
        (["--transport", "sse"], "'sse' (choose from"),
        (["--transport", "streamable-http", "--port", "70000"], "must be an integer from 0 to 65535"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
