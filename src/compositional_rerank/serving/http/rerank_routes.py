"""Ranking and scoring, for clients of Cohere, Jina, vLLM and Text Embeddings Inference."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request

from compositional_rerank.results import Verdict
from compositional_rerank.serving.http.answers import Ranked, Reranked, Scored, Scores, TeiRanked, Usage
from compositional_rerank.serving.http.bodies import AnyRerank, Rerank, Score, TeiRerank, as_list
from compositional_rerank.serving.http.errors import Refused
from compositional_rerank.serving.http.service import Service

_UNITS = 100  # Cohere bills so many documents as one


def rerank_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["rerank"])

    async def ranked(request: Request, body: Rerank, version: str) -> Reranked:
        ranking, usage = await service.rerank(request, body, body.texts(), body.top_n)
        results = []
        for one in ranking:
            found = Ranked(
                **_judged(one), index=one.index, relevance_score=one.score, relevance=one.relevance
            )
            if body.return_documents:
                found.document = _document(body, one.index)
            results.append(found)
        units = {"search_units": -(-len(body.documents) // _UNITS)}
        return Reranked(
            **service.judgement,
            id=request.state.number,
            results=results,
            meta={"api_version": {"version": version}, "billed_units": units},
            usage=usage,
        )

    async def ranked_for_tei(request: Request, body: TeiRerank) -> list[TeiRanked]:
        ranking, _ = await service.rerank(request, body, body.texts, None)
        results = []
        for one in ranking:
            found = TeiRanked(**_judged(one), index=one.index, score=one.score)
            if body.return_text:
                found.text = one.text
            results.append(found)
        return results

    @router.post("/v2/rerank", response_model_exclude_unset=True)
    async def cohere_v2(request: Request, body: Rerank) -> Reranked:
        """Rank documents as Cohere's second version does; vLLM has this path, too."""
        return await ranked(request, body, "2")

    @router.post("/v1/rerank", response_model_exclude_unset=True)
    async def cohere_v1(request: Request, body: Rerank) -> Reranked:
        """Rank documents as Cohere's first version, Jina and vLLM do."""
        return await ranked(request, body, "1")

    @router.post("/rerank", response_model_exclude_unset=True)
    async def rerank(request: Request, body: AnyRerank) -> Reranked | list[TeiRanked]:
        """Rank ``texts`` as Text Embeddings Inference does, or ``documents`` as Jina and vLLM do."""
        if isinstance(body, TeiRerank):
            return await ranked_for_tei(request, body)
        return await ranked(request, body, "1")

    @router.post("/score")
    @router.post("/v1/score")
    async def score(request: Request, body: Score) -> Scores:
        """Score one text with each of many, or pairs, as vLLM does; every pair is verified."""
        queries, texts = as_list(body.text_1), as_list(body.text_2)
        if len(queries) == 1:
            queries = queries * len(texts)
        if len(queries) != len(texts):
            raise Refused(
                422,
                f"text_1 has {len(queries)} texts and text_2 has {len(texts)}: send one for text_1, or "
                "as many",
            )
        service.settings.check_texts(queries, "text_1")
        service.settings.check_texts(texts, "text_2")
        pairs, usage = await service.run(
            request,
            len(texts),
            lambda: service.reranker.score_pairs(
                queries, texts, near_misses=body.near_misses, threshold=body.threshold
            ),
        )
        verdicts = pairs.verdicts or (Verdict(),) * len(texts)
        data = [
            Scored(**_judged(verdict), index=index, score=value)
            for index, (value, verdict) in enumerate(zip(pairs.score.tolist(), verdicts, strict=True))
        ]
        return _scores(service, request, data, usage)

    return router


def _scores(service: Service, request: Request, data: list[Scored], usage: Usage) -> Scores:
    return Scores(
        **service.judgement, id=request.state.number, created=int(time.time()), data=data, usage=usage
    )


def _judged(one: Any) -> dict[str, Any]:
    names = ("verdict", "support", "mismatch", "near_miss", "evidence")
    return {name: getattr(one, name) for name in names}


def _document(body: Rerank, index: int) -> dict[str, Any]:
    document = body.documents[index]
    return {"text": document} if isinstance(document, str) else document.model_dump()
