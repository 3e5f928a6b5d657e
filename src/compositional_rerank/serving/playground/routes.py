"""The page, its files, and what it asks the server."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from compositional_rerank.explaining import explain, to_html
from compositional_rerank.scoring.policy import NearMisses, Order
from compositional_rerank.serving.http.answers import Judgement
from compositional_rerank.serving.http.bodies import Query
from compositional_rerank.serving.http.service import Service
from compositional_rerank.serving.playground.embeddings import Embeddings
from compositional_rerank.serving.playground.explanations import Explanations
from compositional_rerank.serving.playground.ranking import Compared, compared

_FILES = {
    "/": ("index.html", "text/html"),
    "/playground/playground.css": ("playground.css", "text/css"),
    "/playground/playground.js": ("playground.js", "text/javascript"),
    "/playground/examples.json": ("examples.json", "application/json"),
}
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_EXPLANATION = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Compare(_Body):
    """A query, and passages to be ranked."""

    query: Query
    passages: list[str]
    order: Order = "auto"
    near_misses: NearMisses = "demote"


class Explain(_Body):
    """A pair."""

    query: Query
    passage: str


class Kept(BaseModel):
    """Where the explanation is."""

    path: str


class State(Judgement):
    """What the page says before anything is asked."""

    max_passages: int
    max_characters: int


def playground_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    settings, explanations, embeddings = service.settings, Explanations(), Embeddings(service.embedder)
    for path in _FILES:
        router.add_api_route(path, _file)

    @router.get("/favicon.ico")
    async def icon() -> Response:
        """None: browsers ask for one beside an explanation."""
        return Response(status_code=204, headers=_HEADERS)

    @router.get("/playground/state")
    async def state() -> State:
        return State(
            **service.judgement, max_passages=settings.max_texts, max_characters=settings.max_characters
        )

    @router.post("/playground/rank")
    async def rank(request: Request, body: Compare) -> Compared:
        settings.check_texts([body.query], "query")
        settings.check_texts(body.passages, "passages")
        found, _ = await service.run(
            request,
            len(body.passages),
            lambda: compared(
                service.reranker, embeddings, body.query, body.passages, body.order, body.near_misses
            ),
        )
        return found

    @router.post("/playground/explanations")
    async def make(request: Request, body: Explain) -> Kept:
        settings.check_texts([body.query], "query")
        settings.check_texts([body.passage], "passage")
        page, _ = await service.run(
            request, 1, lambda: to_html(explain(service.reranker, body.query, body.passage))
        )
        return Kept(path=f"/playground/explanations/{explanations.keep(page)}")

    @router.get("/playground/explanations/{name}")
    async def explanation(name: str) -> Response:
        return _shown(explanations.page(name), "text/html", _EXPLANATION)

    return router


async def _file(request: Request) -> Response:
    name, kind = _FILES[request.url.path]
    content = files(__package__).joinpath("page", name).read_text(encoding="utf-8")
    return _shown(content, kind, _PAGE)


def _shown(content: str, kind: str, policy: str) -> Response:
    return Response(content, media_type=kind, headers={**_HEADERS, "content-security-policy": policy})
