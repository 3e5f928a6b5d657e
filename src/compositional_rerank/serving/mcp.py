"""An MCP server: what a reranker can be asked, as tools for agents."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, Any

import anyio.from_thread
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field, ValidationError

from compositional_rerank.backends.freed_memory import return_freed_memory
from compositional_rerank.errors import CompositionalRerankError, InputError, StoreError
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.scoring import calibration, policy
from compositional_rerank.serving.mcp_results import (
    CheckedAnswer,
    PassageVerdict,
    Ranked,
    RankedPassage,
    SameQuestion,
    Sentence,
    Verdicts,
)

MOST_PASSAGES = 1000
_NAME = "compositional-rerank"
_PATIENCE = 10  # seconds that calls under way have left when the server is told to end
_STEP = 64  # passages that are encoded between two reports of progress
_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_INSTRUCTIONS = (
    "Says what passages say of a question, a statement or an answer: whether they support it, deny it, or "
    "speak of another thing in nearly the same words. Use rerank on what a search found, before you read it; "
    "verify for single passages; check_answer on what you wrote from passages; same_question before an "
    "answer to an earlier question is given again. English prose only: what cannot be judged has the "
    "verdict null."
)

Query = Annotated[str, Field(description="A question, or a statement that ends with a full stop.")]
Passages = Annotated[list[str], Field(description="Texts; results name them by their place, from 0.")]
Found = Annotated[
    list[str],
    Field(description="Texts as the search ranked them, best first; results name them by place, from 0."),
]
Order = Annotated[
    policy.Order,
    Field(
        description="Whose order counts: retriever keeps that of passages, and only near-misses move; "
        "relevance sorts anew; mix does both; auto does, too, or only the latter where passages seem to be "
        "in no order."
    ),
]
NearMisses = Annotated[
    policy.NearMisses,
    Field(
        description="What becomes of near-misses: demote puts them behind all that are none, penalise only "
        "lowers their scores, drop leaves them out, mark leaves them where they are."
    ),
]
Denials = Annotated[
    calibration.Denials,
    Field(
        description="Whether a passage that denies the query is a near-miss: auto for all but yes/no "
        "questions, to which no is an answer; keep never, as in fact checking; penalise always."
    ),
]


def _limits(description: str, low: float, high: float | None = None) -> Any:
    """A field whose limits the schema names; the core checks them, and its errors name the fix."""
    limits = {"minimum": low} if high is None else {"minimum": low, "maximum": high}
    return Field(description=description, json_schema_extra=dict(limits))


class _Server(MCPServer[Any]):
    """Refuses unknown arguments; its errors name the value, the limit and the fix, and never hide ours."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> Any:
        known = {tool.name: ", ".join(tool.input_schema["properties"]) for tool in await self.list_tools()}
        if name not in known:
            raise ToolError(f"unknown tool {name!r:.60}: the tools are {', '.join(known)}")
        for argument in arguments:
            if argument not in known[name].split(", "):
                raise ToolError(f"{name} has no argument {argument!r:.60}: it has {known[name]}")
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, CompositionalRerankError):
                raise ToolError(f"{name}: {error.__cause__}") from error
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(f"{name}: {_in_words(error.__cause__)}") from error
            raise


def _in_words(error: ValidationError) -> str:
    """What is wrong with the arguments, in one line."""
    said = []
    for one in error.errors(include_url=False):
        where, reason = ".".join(map(str, one["loc"])), one["msg"][:1].lower() + one["msg"][1:]
        missing = one["type"] == "missing"
        said.append(f"{where} is missing" if missing else f"{where}: {reason}, got {one['input']!r:.60}")
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return f"{'; '.join(said[:3])}{more}: see the tool's input schema"


def build_server(reranker: CompositionalReranker, max_passages: int = MOST_PASSAGES) -> MCPServer[Any]:
    """A server with the tools ``rerank``, ``verify``, ``check_answer`` and ``same_question``.

    Args:
        reranker: answers them, for all clients.
        max_passages: how many passages a call may bring, at least 1.
    """
    server = _Server(_NAME, version=version(_NAME), instructions=_INSTRUCTIONS, log_level="WARNING")
    tool: Callable[[Any], Any] = server.tool(annotations=_READS)

    def encode(passages: list[str], context: Context[Any, Any]) -> None:
        """Refuse too many passages; of many, tell the client how many are encoded."""
        if len(passages) > max_passages:
            raise InputError(
                f"passages has {len(passages)} texts, the server takes {max_passages}: pass fewer, or start "
                "it with a larger --max-passages"
            )
        if len(passages) > _STEP:
            for start in range(0, len(passages), _STEP):
                anyio.from_thread.run(context.report_progress, start, len(passages), "passages encoded")
                with suppress(StoreError):  # what cannot be kept is encoded anew
                    reranker.encode_passages(passages[start : start + _STEP])

    @tool
    def rerank(
        query: Query,
        passages: Found,
        context: Context[Any, Any],
        top_n: Annotated[int | None, _limits("Return this many of the best; null: all.", 1)] = None,
        order: Order = "auto",
        near_misses: NearMisses = "demote",
        threshold: Annotated[
            policy.Threshold,
            _limits("Mismatch from which a passage is a near-miss; shipped: the model's own.", 0, 1),
        ] = "shipped",
        denials: Denials = "auto",
        max_verified: Annotated[
            int | None, _limits("Judge this many passages at most; null: the model's own number.", 0)
        ] = None,
        min_score: Annotated[
            float | None, _limits("Drop passages with a lower score; null: none.", -1e6, 1e6)
        ] = None,
        max_mismatch: Annotated[
            float | None, _limits("Drop passages with a higher mismatch; null: none.", 0, 1)
        ] = None,
        return_text: Annotated[bool, Field(description="Whether the results hold the passages.")] = True,
    ) -> Ranked:
        """Rank passages for a query, best first, and say what the closest of them say of it.

        Near-misses, with nearly the query's words and another meaning, fall behind. No passage is dropped
        unless top_n, min_score, max_mismatch or near_misses asks for it.
        """
        encode(passages, context)
        ranking = reranker.rerank(
            query,
            passages,
            top_n,
            order=order,
            near_misses=near_misses,
            threshold=threshold,
            denials=denials,
            max_verified=max_verified,
            min_score=min_score,
            max_mismatch=max_mismatch,
        )
        results = [
            RankedPassage(
                index=one.index,
                text=one.text if return_text else None,
                score=one.score,
                relevance=one.relevance,
                verdict=one.verdict,
                support=one.support,
                mismatch=one.mismatch,
                near_miss=one.near_miss,
                evidence=one.evidence,
                quote=None if one.evidence is None else one.text[slice(*one.evidence)],
            )
            for one in ranking
        ]
        return Ranked(model=reranker.name, threshold=reranker.threshold, results=results)

    @tool
    def verify(
        query: Query, passages: Passages, context: Context[Any, Any], denials: Denials = "auto"
    ) -> Verdicts:
        """Say of every passage what it says of the query, however far from it; none is ranked or left out."""
        encode(passages, context)
        verdicts = [
            PassageVerdict(
                index=index,
                verdict=one.verdict,
                support=one.support,
                denial=one.denial,
                mismatch=one.mismatch,
                near_miss=one.near_miss,
                evidence=one.evidence,
                quote=None if one.evidence is None else passages[index][slice(*one.evidence)],
            )
            for index, one in enumerate(reranker.verify(query, passages, denials=denials))
        ]
        return Verdicts(model=reranker.name, threshold=reranker.threshold, verdicts=verdicts)

    @tool
    def check_answer(
        answer: Annotated[str, Field(description="What was written, Markdown or plain.")],
        passages: Passages,
        context: Context[Any, Any],
        max_verified: Annotated[
            int | None,
            _limits("Read this many passages with each sentence, the closest first; null: a few.", 1),
        ] = None,
    ) -> CheckedAnswer:
        """Check an answer that was written from passages: which of them says each of its sentences?

        A sentence that none of them says anything of has no source.
        """
        encode(passages, context)
        checked = reranker.check(answer, passages, max_verified=max_verified).to_dict()
        return CheckedAnswer(
            model=reranker.name,
            threshold=reranker.threshold,
            faithfulness=checked["faithfulness"],
            sentences=[Sentence.model_validate(one) for one in checked["sentences"]],
        )

    @tool
    def same_question(
        cached: Annotated[str, Field(description="A question whose answer is known.")],
        new: Annotated[str, Field(description="The question that is asked now.")],
    ) -> SameQuestion:
        """Say whether the answer to one question answers another: they are the same in other words."""
        one = reranker.same_question(cached, new)
        return SameQuestion(
            model=reranker.name,
            verdict=one.verdict,
            support=one.support,
            denial=one.denial,
            mismatch=one.mismatch,
        )

    return server


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve one client on standard input and output until it hangs up; other output goes to stderr.

    SIGINT ends the process at once: the thread that waits for input would hold up a tidier end.
    """
    return_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server.run("stdio")


def serve_http(server: MCPServer[Any], host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve any number of clients over streamable HTTP until SIGINT or SIGTERM; calls under way are answered.

    Args:
        server: from `build_server`.
        host: name or address of this machine; with a loopback one, requests of other origins are refused.
        port: 0 takes any free one.
        say: told the address once the server can be reached.

    Raises:
        InputError: the address cannot be used.
    """
    return_freed_memory()
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
    except OSError as error:
        raise InputError(
            f"port {port} of {host} cannot be used: {error.strerror or error}: choose another with --port, "
            "or another --host"
        ) from error
    app = server.streamable_http_app(stateless_http=True, host=host)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=_PATIENCE)
    shown = f"[{host}]" if ":" in host else host
    say(f"serving MCP on http://{shown}:{listener.getsockname()[1]}/mcp; Ctrl-C ends it")
    with suppress(KeyboardInterrupt):  # which uvicorn raises again when it has ended well
        uvicorn.Server(config).run([listener])
