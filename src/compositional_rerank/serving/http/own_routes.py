"""Verdicts, without a ranking: what only this service has."""

from __future__ import annotations

from fastapi import APIRouter, Request

from compositional_rerank.results import Verdict
from compositional_rerank.serving.http.answers import CheckedAnswer, PassageVerdict, Verdicts
from compositional_rerank.serving.http.bodies import Check, SameQuestion, Verify, as_list
from compositional_rerank.serving.http.service import Service


def own_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["verdicts"])
    settings = service.settings

    def verdicts(found: list[Verdict], texts: list[str]) -> Verdicts:
        return Verdicts(
            **service.judgement,
            verdicts=[
                PassageVerdict(
                    index=index,
                    verdict=one.verdict,
                    support=one.support,
                    denial=one.denial,
                    mismatch=one.mismatch,
                    near_miss=one.near_miss,
                    evidence=one.evidence,
                    quote=None if one.evidence is None else texts[index][slice(*one.evidence)],
                )
                for index, one in enumerate(found)
            ],
        )

    @router.post("/verify")
    async def verify(request: Request, body: Verify) -> Verdicts:
        """Say of every passage what it says of the query, however far from it; none is left out."""
        settings.check_texts([body.query], "query")
        settings.check_texts(body.passages, "passages")
        found, _ = await service.run(
            request,
            len(body.passages),
            lambda: service.reranker.verify(
                body.query, body.passages, denials=body.denials, own_text=body.own_text
            ),
        )
        return verdicts(found, body.passages)

    @router.post("/same_question")
    async def same_question(request: Request, body: SameQuestion) -> Verdicts:
        """Say whether the answers to cached questions answer new ones; a verdict for each pair."""
        cached, new = as_list(body.cached), as_list(body.new)
        settings.check_texts(cached, "cached")
        settings.check_texts(new, "new")
        found, _ = await service.run(
            request, len(cached), lambda: service.reranker.same_questions(cached, new)
        )
        return verdicts(found, cached)

    @router.post("/check")
    async def check(request: Request, body: Check) -> CheckedAnswer:
        """Say of each sentence of an answer which of the passages says it, and which denies it."""
        settings.check_texts([body.answer], "answer")
        settings.check_texts(body.passages, "passages")
        found, _ = await service.run(
            request,
            len(body.passages),
            lambda: service.reranker.check(
                body.answer, body.passages, own_text=body.own_text, max_verified=body.max_verified
            ),
        )
        return CheckedAnswer.model_validate({**service.judgement, **found.to_dict()})

    return router
