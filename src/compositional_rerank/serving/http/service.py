"""The models that answer, and how a request gets to them."""

from __future__ import annotations

import base64
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from fastapi import Request

from compositional_rerank.encoding.embedder import StructuralEmbedder
from compositional_rerank.results import Ranking
from compositional_rerank.serving.http import metrics
from compositional_rerank.serving.http.answers import Judgement, Usage
from compositional_rerank.serving.http.bodies import Rerank, TeiRerank
from compositional_rerank.serving.http.desk import Desk
from compositional_rerank.serving.http.errors import Refused
from compositional_rerank.serving.http.settings import Settings
from compositional_rerank.serving.http.together import JoinedEmbedder, joined

_Answer = TypeVar("_Answer")


class Service:
    """What a worker process has loaded.

    Args:
        settings: of the service.
    """

    def __init__(self, settings: Settings) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a missing verifier, which the log tells
            loaded = settings.reranker()
            loaded.store  # noqa: B018  # loads all parts
        self.settings = settings
        self.reranker = joined(loaded)
        self.embedder = JoinedEmbedder(
            StructuralEmbedder.from_pretrained(
                settings.model, device=settings.device, sensitivity=settings.sensitivity
            )
        )
        self.desk = Desk(settings)
        self.started = int(time.time())

    @property
    def judgement(self) -> dict[str, Any]:
        """Fields of a `Judgement`."""
        return Judgement(model=self.reranker.name, threshold=self.reranker.threshold).model_dump()

    async def run(self, request: Request, texts: int, work: Callable[[], _Answer]) -> tuple[_Answer, Usage]:
        """Run work when its turn comes, and count what it took."""
        metrics.TEXTS.observe(texts)
        answer, job = await self.desk.run(request, work)
        metrics.TOKENS.inc(job.tokens)
        return answer, Usage(prompt_tokens=job.tokens, total_tokens=job.tokens)

    async def rerank(
        self, request: Request, body: Rerank | TeiRerank, texts: list[str], top_n: int | None
    ) -> tuple[Ranking, Usage]:
        """Rank texts, with the body's query and options.

        Raises:
            Refused: there are too many texts, or one is too long.
        """
        self.settings.check_texts([body.query], "query")
        self.settings.check_texts(texts, "texts" if isinstance(body, TeiRerank) else "documents")
        answer = await self.run(
            request, len(texts), lambda: self.reranker.rerank(body.query, texts, top_n, **body.policy())
        )
        metrics.NEAR_MISSES.inc(sum(one.near_miss for one in answer[0]))
        return answer

    async def embed(
        self, request: Request, texts: Sequence[str], task: str, form: str
    ) -> tuple[list[list[float] | str], Usage]:
        """Vectors as lists, or as base64 of their float32 numbers, little-endian."""
        self.settings.check_texts(texts, "input")

        def work() -> list[list[float] | str]:
            vectors = self.embedder.encode(texts, task)
            return [as_base64(one) if form == "base64" else one.tolist() for one in vectors]

        return await self.run(request, len(texts), work)

    def check_embedding_model(self, name: str, dimensions: int | None) -> None:
        """Refuse another model than the service's: its vectors would not fit the caller's.

        Raises:
            Refused: 404, or 422 for another number of dimensions.
        """
        if name != self.embedder.name:
            raise Refused(
                404,
                f"model {name!r:.80} is not here: ask for {self.embedder.name!r}, or start the service with "
                "another --model",
            )
        if dimensions not in (None, self.embedder.dimension):
            raise Refused(
                422,
                f"dimensions is {dimensions}, the model's vectors have {self.embedder.dimension} and are not "
                "cut: leave it out",
            )


def as_base64(vector: Any) -> str:
    """A vector as OpenAI's clients ask for it."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii")
