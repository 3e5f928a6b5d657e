"""CompositionalFaithfulnessEvaluator: checks a response against the nodes that it was made from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any

from llama_index.core.base.response.schema import Response
from llama_index.core.bridge.pydantic import Field
from llama_index.core.evaluation import BaseEvaluator, EvaluationResult
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.schema import MetadataMode
from llama_index.postprocessor.compositional_rerank.settings import RerankerSettings

from compositional_rerank import CheckedAnswer
from compositional_rerank.checking import to_text
from compositional_rerank.errors import InputError

_SOURCE = re.compile(r"Source \d+:\n")  # what CitationQueryEngine writes above each node's text


class CompositionalFaithfulnessEvaluator(RerankerSettings, BaseEvaluator):
    """Whether a response says what its contexts say: no language model, each sentence by itself.

    It is used as LlamaIndex's own `FaithfulnessEvaluator`, also by a `BatchEvalRunner`. ``score`` is the
    share of the checked sentences that are supported, in [0, 1]. ``passing`` is true where no sentence is
    flagged and ``score`` is at least ``min_faithfulness``. ``feedback`` is a report for people. A response
    without anything to check is an invalid result.

    `check_response` gives the same as data: a citation for each sentence. The model is loaded at the first
    response. To share a loaded one, use `from_reranker`.

    Example:
        >>> evaluator = CompositionalFaithfulnessEvaluator()
        >>> contexts = ["Dogs are not allowed in the office."]
        >>> result = evaluator.evaluate(response="Dogs are allowed in the office.", contexts=contexts)
        >>> result.passing, result.score
        (False, 0.0)
    """

    max_verified: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None,
        description="How many contexts are read with each sentence, at least 1, the closest to it first; "
        "None is the model's own number.",
    )
    min_faithfulness: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=1.0, description="Share of the checked sentences that must be supported, in [0, 1]."
    )

    def check_response(self, response: Response) -> CheckedAnswer:
        """What the source nodes say of each sentence of a response.

        Args:
            response: of a query engine, or of a `CitationQueryEngine`, whose ``Source 1:`` above a text is no
                evidence.

        Returns:
            A passage's ``index`` is the node's place in ``response.source_nodes``, and ``evidence`` are
            characters of its ``get_content()``.

        Raises:
            InputError: there is no response, or the model has no verifier.
        """
        nodes = getattr(response, "source_nodes", None)
        if nodes is None:
            raise InputError(
                f"response must be a Response with source_nodes, got {type(response).__name__}: "
                "call evaluate(response=text, contexts=texts) for plain text"
            )
        return self._checked(str(response), [node.node.get_content(MetadataMode.NONE) for node in nodes])

    def evaluate(
        self,
        query: str | None = None,
        response: str | None = None,
        contexts: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Evaluate a response.

        Args:
            query: what was asked; handed on.
            response: what was answered; not blank.
            contexts: what it was answered from.
            kwargs: part of LlamaIndex's interface; none is used.

        Raises:
            InputError: the response or the contexts are missing, or the model has no verifier.
        """
        if response is None or contexts is None:
            raise InputError("response and contexts must be given: the text, and the list of its contexts")
        checked = self._checked(response, contexts)
        share = checked.faithfulness
        return EvaluationResult(
            query=query,
            response=response,
            contexts=contexts,
            passing=None if share is None else not checked.flagged and share >= self.min_faithfulness,
            score=share,
            feedback=to_text(checked),
            invalid_result=share is None,
            invalid_reason="no sentence of the response is a statement" if share is None else None,
        )

    async def aevaluate(
        self,
        query: str | None = None,
        response: str | None = None,
        contexts: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """The same in a thread."""
        return await asyncio.to_thread(self.evaluate, query, response, contexts)

    def _checked(self, answer: str, passages: Sequence[str]) -> CheckedAnswer:
        own = [_own_text(passage) for passage in passages]
        return self.core.check(answer, passages, own_text=own, max_verified=self.max_verified)

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """There are none."""


def _own_text(passage: object) -> tuple[int, int] | None:
    head = _SOURCE.match(passage) if isinstance(passage, str) else None
    return None if head is None else (head.end(), len(head.string))
