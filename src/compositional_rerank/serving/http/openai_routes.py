"""Embeddings, for clients of OpenAI."""

from __future__ import annotations

from fastapi import APIRouter, Request

from compositional_rerank.serving.http.answers import Embedding, EmbeddingList, Model, ModelList
from compositional_rerank.serving.http.bodies import Embeddings, as_list
from compositional_rerank.serving.http.errors import Refused
from compositional_rerank.serving.http.service import Service


def openai_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["embeddings"])
    names = dict.fromkeys([service.reranker.name, service.embedder.name])
    known = {name: Model(id=name, created=service.started) for name in names}

    @router.post("/embeddings")
    async def embeddings(request: Request, body: Embeddings) -> EmbeddingList:
        """Embed texts; the vectors are of length 1."""
        service.check_embedding_model(body.model, body.dimensions)
        vectors, usage = await service.embed(
            request, as_list(body.input), body.input_type, body.encoding_format
        )
        data = [Embedding(index=index, embedding=vector) for index, vector in enumerate(vectors)]
        return EmbeddingList(model=service.embedder.name, data=data, usage=usage)

    @router.get("/models")
    async def models() -> ModelList:
        """List the models: the one that ranks, and the one that embeds."""
        return ModelList(data=list(known.values()))

    @router.get("/models/{name:path}")
    async def one_model(name: str) -> Model:
        """Show a model."""
        if name not in known:
            raise Refused(404, f"model {name!r:.80} is not here: there are {', '.join(known)}")
        return known[name]

    return router
