"""The service as an ASGI application."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from threading import Event
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from compositional_rerank.errors import InputError
from compositional_rerank.serving.http import metrics
from compositional_rerank.serving.http.answers import Health
from compositional_rerank.serving.http.errors import Error, Refused, in_words
from compositional_rerank.serving.http.guard import Guard
from compositional_rerank.serving.http.openai_routes import openai_routes
from compositional_rerank.serving.http.own_routes import own_routes
from compositional_rerank.serving.http.rerank_routes import rerank_routes
from compositional_rerank.serving.http.service import Service
from compositional_rerank.serving.http.settings import Settings

_NAME = "compositional-rerank"
_log = logging.getLogger("compositional_rerank.service")
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "The body is no JSON"},
    401: {"model": Error, "description": "The key is missing or wrong"},
    404: {"model": Error, "description": "No such path or model"},
    405: {"model": Error, "description": "The path has another method"},
    408: {"model": Error, "description": "The body did not come in time"},
    413: {"model": Error, "description": "The body is too large"},
    415: {"model": Error, "description": "The content type is not JSON"},
    422: {"model": Error, "description": "A field cannot be used"},
    429: {"model": Error, "description": "Too many requests wait"},
    500: {"model": Error, "description": "The service failed"},
    504: {"model": Error, "description": "The answer took too long"},
}


def create_app(
    settings: Settings,
    leaving: Event,
    keys: Sequence[str] = (),
    more: Callable[[Service], APIRouter] | None = None,
) -> FastAPI:
    """Load the models and build the application.

    Args:
        settings: of the service.
        leaving: once it is set, the application asks for fewer requests.
        keys: any of them opens it; none: it is open to all.
        more: routes beside those of the service.
    """
    service = Service(settings)
    name, verifier = service.reranker.name, service.reranker.verifier
    if verifier is None:
        _log.warning("%s has no verifier, so that near-misses are not judged", name)
    elif "question" not in verifier.reads:
        _log.warning("%s judges statements: questions and keywords get no verdict", name)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _log.info("worker %d is ready", os.getpid())
        yield
        service.desk.close()

    app = FastAPI(
        title=_NAME,
        version=version(_NAME),
        description="Reranking that rejects structural near-misses, verdicts, and embeddings.",
        lifespan=lifespan,
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_name_of,
        responses=_ERRORS,
    )
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(InputError, _bad_input)
    state = _state_routes(service, leaving)
    app.include_router(state)
    # only described here: Guard checks the key
    key = [Security(HTTPBearer(auto_error=False, description="A key of the service"))] if keys else []
    routers = [rerank_routes(service), own_routes(service), openai_routes(service), _metric_routes()]
    if more is not None:
        routers.append(more(service))
    for router in routers:
        app.include_router(router, dependencies=key)
    paths = [
        route.path for router in [state, *routers] for route in router.routes if isinstance(route, APIRoute)
    ]
    app.add_middleware(Guard, settings=settings, keys=keys, paths=paths, leaving=leaving)
    return app


def _state_routes(service: Service, leaving: Event) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """Say that the process lives."""
        return Health(status="ok")

    @router.get("/readyz", responses={503: {"model": Health, "description": "Not now"}})
    async def readyz(response: Response) -> Health:
        """Say whether a request would be taken: not while the service stops, or its queue is full."""
        if leaving.is_set() or service.desk.is_full:
            response.status_code = 503
            return Health(status="stopping" if leaving.is_set() else "full")
        return Health(status="ok")

    return router


def _metric_routes() -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Show metrics for Prometheus, of all workers."""
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return router


def _name_of(route: APIRoute) -> str:
    return f"{route.name}{'_v1' if route.path == '/v1/score' else ''}"


async def _unusable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if faults and faults[0]["type"] == "json_invalid":
        raise Refused(
            400, f"the body is no JSON: {faults[0]['ctx']['error']} at character {faults[0]['loc'][-1]}"
        )
    if isinstance(error.body, bytes) and error.body:
        raise Refused(
            415,
            f"the content type is {request.headers.get('content-type', '')!r:.60}: send the header "
            "'Content-Type: application/json'",
        )
    raise Refused(422, in_words(faults))


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reasons = {404: "no such path: /openapi.json lists them", 405: "the path has another method"}
    message = reasons.get(error.status_code, str(error.detail))
    raise Refused(error.status_code, message, error.headers)


async def _bad_input(request: Request, error: Exception) -> Response:
    raise Refused(422, str(error))
