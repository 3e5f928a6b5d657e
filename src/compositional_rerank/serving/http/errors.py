"""Refusals, in a body that the error classes of all clients understand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    499: "client_closed_request",
    504: "timeout_error",
}
_TEI_KINDS = {413: "validation", 422: "validation", 429: "overloaded", 500: "backend"}
_SHOWN = 3  # faults of one body


class Refused(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        message: names the value, the limit and the fix.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class ErrorDetails(BaseModel):
    """As OpenAI and vLLM have it."""

    message: str
    type: str
    param: str | None = None
    code: int


class Error(BaseModel):
    """What went wrong, under the names where Cohere, Jina, OpenAI, vLLM and TEI have it."""

    id: str = Field(description="Of the request; the log has it, too.")
    message: str
    detail: str
    error: ErrorDetails | str = Field(description="The message alone, where the request is one of TEI's.")
    error_type: str | None = None


def error_body(status: int, message: str, number: str, *, tei: bool) -> dict[str, Any]:
    """The body of an error.

    Args:
        status: of HTTP.
        message: for the client.
        number: of the request.
        tei: whether it is one of TEI's, where ``error`` is a text.
    """
    body: dict[str, Any] = {"id": number, "message": message, "detail": message}
    if tei:
        return {**body, "error": message, "error_type": _TEI_KINDS.get(status, "validation")}
    kind = _KINDS.get(status, "server_error")
    return {**body, "error": {"message": message, "type": kind, "param": None, "code": status}}


def in_words(faults: Sequence[Mapping[str, Any]]) -> str:
    """What pydantic found wrong in a body: field, reason, value."""
    said = []
    for fault in faults[:_SHOWN]:
        where = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in _fields(fault["loc"]))
        reason = str(fault["ctx"]["error"] if fault["type"] == "value_error" else fault["msg"])
        name = where.lstrip(".") or "the body"
        if fault["type"] == "missing":
            said.append(f"{name} is missing")
        elif fault["type"] == "value_error":
            said.append(reason)
        else:
            said.append(f"{name}: {reason[:1].lower()}{reason[1:]}, got {fault['input']!r:.60}")
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(said) + more + ": see /openapi.json"


def _fields(place: Sequence[Any]) -> list[Any]:
    """A place in the body, without the names of the alternatives that pydantic puts between the fields."""
    return [one for one in place[1:] if not str(one).startswith("=")]
