"""Around every request: its key, its size, its number, a line in the log; errors without texts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Sequence
from threading import Event

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from compositional_rerank.serving.http import metrics
from compositional_rerank.serving.http.errors import Refused, error_body
from compositional_rerank.serving.http.settings import Settings

OPEN = ("/healthz", "/readyz", "/openapi.json")
"""What needs no key."""
_DISCARDED = 8  # times the limit: so much of a body that is too large is read, so that its answer arrives
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\0")  # as JSON or UTF-8 has it, or in UTF-16
_log = logging.getLogger("compositional_rerank.service")


class Guard:
    """ASGI middleware.

    Args:
        app: what answers.
        settings: limits.
        keys: any of them opens the service; none: it is open to all.
        paths: those that log and metrics may name; what others are called is the client's.
        leaving: whether connections are to be closed after their answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        keys: Sequence[str],
        paths: Sequence[str],
        leaving: Event,
    ) -> None:
        self._app, self._settings, self._paths, self._leaving = app, settings, paths, leaving
        self._keys = [_digest(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, number, status = time.perf_counter(), uuid.uuid4().hex, 0
        body = b""
        scope.setdefault("state", {})["number"] = number

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = number
                if self._leaving.is_set():
                    headers["connection"] = "close"
            await send(message)

        try:
            self._check_key(scope)
            body = await self._body(receive)
            scope["state"]["tei"] = is_tei(scope, body)
            await self._app(scope, _again(body, receive), answer)
        except Refused as refused:
            await refuse(scope, refused, answer)
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            # without its message, which may hold a text
            _log.error("%s %s\n%s", number, type(error).__name__, frames)
            if not status:
                message = f"the service failed; its log says more under {number}"
                await refuse(scope, Refused(500, message), answer)
        finally:
            self._tell(scope, status, started, len(body))

    def _check_key(self, scope: Scope) -> None:
        if not self._keys or scope["path"] in OPEN:
            return
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        found = _digest(given.strip())
        # every key is compared, whatever came of the ones before it
        right = [hmac.compare_digest(found, key) for key in self._keys]
        if scheme.lower() != "bearer" or not any(right):
            raise Refused(
                401,
                "the key is missing or wrong: send the header 'Authorization: Bearer KEY' with a key of this "
                "service",
                {"www-authenticate": "Bearer"},
            )

    async def _body(self, receive: Receive) -> bytes:
        try:
            return await asyncio.wait_for(self._read(receive), self._settings.timeout)
        except asyncio.TimeoutError:
            limit = f"{self._settings.timeout:g} s, the limit"
            raise Refused(408, f"the body did not come within {limit}: send it faster") from None

    async def _read(self, receive: Receive) -> bytes:
        limit = self._settings.max_bytes
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(499, "the client has hung up")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            if not message.get("more_body", False) or size > _DISCARDED * limit:
                break
        if size > limit:
            raise Refused(
                413,
                f"the body has {size} bytes or more, the limit is {limit}: send fewer texts at a time, or "
                "start the service with a larger --max-bytes",
            )
        body = b"".join(chunks)
        _check_characters(body)
        return body

    def _tell(self, scope: Scope, status: int, started: float, size: int) -> None:
        seconds = time.perf_counter() - started
        route = scope["path"] if scope["path"] in (*self._paths, "/openapi.json") else "other"
        status = status or 499
        metrics.REQUESTS.labels(route, str(status)).inc()
        metrics.SECONDS.labels(route).observe(seconds)
        level = logging.DEBUG if route in OPEN else logging.INFO
        _log.log(
            level,
            "%s %s %s %d, %.0f ms, %d bytes",
            scope["state"]["number"],
            scope["method"] if route != "other" else "request",
            route,
            status,
            1000 * seconds,
            size,
        )


def _check_characters(body: bytes) -> None:
    """Refuse half a surrogate pair, which JSON can write, and no answer could quote."""
    if _SURROGATE.search(body) is None:
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"{error.object[error.start]!r}"
        raise Refused(400, f"the body holds {half}, half a character: send whole ones") from None
    except (ValueError, RecursionError):
        pass  # no JSON, which whoever parses it says


def is_tei(scope: Scope, body: bytes) -> bool:
    """Whether a request is one of TEI's, whose errors look otherwise."""
    return scope["path"] == "/rerank" and b'"documents"' not in body


async def refuse(scope: Scope, refused: Refused, send: Send) -> None:
    """Send an error."""
    tei = scope["state"].get("tei", is_tei(scope, b""))
    content = error_body(refused.status, refused.message, scope["state"]["number"], tei=tei)
    body = json.dumps(content).encode()  # in ASCII: a message may quote what UTF-8 cannot hold
    headers = {"content-type": "application/json", "content-length": str(len(body)), **refused.headers}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _digest(key: str) -> bytes:
    """Of one length for all keys."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read again; after it comes what else the client sends."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
