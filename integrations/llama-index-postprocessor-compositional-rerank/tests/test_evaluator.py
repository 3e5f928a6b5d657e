"""CompositionalFaithfulnessEvaluator, on the shipped weights: texts, responses, batches, citations."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import Response
from llama_index.core.evaluation import BatchEvalRunner
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.compositional_rerank import (
    CompositionalFaithfulnessEvaluator,
    StructuralEmbedding,
)
from pydantic import ValidationError

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.errors import InputError

CLOSED = "The office is closed on Sundays."
DOGS = "Dogs are not allowed in the office."
DENIED = "Dogs are allowed in the office."


class Writer(CustomLLM):
    """A language model that always answers the same."""

    answer: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="writer")

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.answer)

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        yield self.complete(prompt)


@pytest.fixture(scope="module")
def evaluator(judging: CompositionalReranker) -> CompositionalFaithfulnessEvaluator:
    return CompositionalFaithfulnessEvaluator.from_reranker(judging)


def test_a_faithful_response(evaluator: CompositionalFaithfulnessEvaluator) -> None:
    result = evaluator.evaluate(query="When?", response=CLOSED, contexts=[DOGS, CLOSED])
    assert (result.passing, result.score, result.invalid_result) == (True, 1.0, False)
    assert (result.query, result.response, result.contexts) == ("When?", CLOSED, [DOGS, CLOSED])
    assert result.feedback is not None
    assert f"passage 2: “{CLOSED}”" in result.feedback


def test_a_denied_response(evaluator: CompositionalFaithfulnessEvaluator) -> None:
    result = evaluator.evaluate(response=f"{CLOSED} {DENIED}", contexts=[DOGS, CLOSED])
    assert (result.passing, result.score) == (False, 0.5)
    assert result.feedback is not None
    assert f"denies       {DENIED}" in result.feedback


def test_how_much_must_be_supported(judging: CompositionalReranker) -> None:
    response = f"{CLOSED} The roof was painted green last year."
    for least, passing in ((1.0, False), (0.5, True)):
        evaluator = CompositionalFaithfulnessEvaluator.from_reranker(judging, min_faithfulness=least)
        assert evaluator.evaluate(response=response, contexts=[CLOSED]).passing is passing
    lax = CompositionalFaithfulnessEvaluator.from_reranker(judging, min_faithfulness=0.0)
    assert lax.evaluate(response=DENIED, contexts=[DOGS]).passing is False, "a denial never passes"


def test_nothing_to_check_is_an_invalid_result(evaluator: CompositionalFaithfulnessEvaluator) -> None:
    result = evaluator.evaluate(response="What do you mean?", contexts=[CLOSED])
    assert (result.passing, result.score, result.invalid_result) == (None, None, True)
    assert result.invalid_reason


async def test_in_a_batch(evaluator: CompositionalFaithfulnessEvaluator) -> None:
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in (DOGS, CLOSED)]
    responses = [Response(response=text, source_nodes=nodes) for text in (CLOSED, DENIED)]
    runner = BatchEvalRunner({"faithfulness": evaluator}, workers=2)
    results = await runner.aevaluate_responses(queries=["When?", "Dogs?"], responses=responses)
    assert [result.passing for result in results["faithfulness"]] == [True, False]


def test_behind_a_citation_query_engine(
    evaluator: CompositionalFaithfulnessEvaluator, embedder: StructuralEmbedder
) -> None:
    nodes = [TextNode(text=text, metadata={"title": "Rules"}) for text in (DOGS, CLOSED)]
    index = VectorStoreIndex(nodes, embed_model=StructuralEmbedding.from_embedder(embedder))
    llm = Writer(answer=f"{CLOSED[:-1]} [1]. {DENIED[:-1]} [2].")
    response = CitationQueryEngine.from_args(index, llm=llm, similarity_top_k=2).query("When is it open?")
    checked = evaluator.check_response(response)
    supported, denied = checked
    assert (supported.verdict, denied.verdict) == ("supports", "denies")
    for sentence, text in ((supported, CLOSED), (denied, DOGS)):
        passage = sentence.passages[0]
        start, stop = passage.evidence
        assert response.source_nodes[passage.index].get_content()[start:stop] == passage.quote == text
    result = evaluator.evaluate_response(response=response)
    assert (result.passing, result.score) == (False, 0.5)


def test_the_nodes_stay_as_they_are(evaluator: CompositionalFaithfulnessEvaluator) -> None:
    nodes = [NodeWithScore(node=TextNode(text=CLOSED, id_="a", metadata={"page": 1}), score=0.5)]
    before = nodes[0].to_json()
    evaluator.check_response(Response(response=CLOSED, source_nodes=nodes))
    assert nodes[0].to_json() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"response": CLOSED}, "response and contexts must be given"),
        ({"contexts": [CLOSED]}, "response and contexts must be given"),
        ({"response": "", "contexts": []}, "answer is blank"),
        ({"response": CLOSED, "contexts": [5]}, r"passages\[0\] must be a str"),
    ],
)
def test_bad_input(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompositionalFaithfulnessEvaluator(model="no-such-model").evaluate(**arguments)


def test_plain_text_is_no_response() -> None:
    with pytest.raises(InputError, match="must be a Response with source_nodes, got str"):
        CompositionalFaithfulnessEvaluator().check_response(CLOSED)  # type: ignore[arg-type]


def test_settings() -> None:
    with pytest.raises(ValidationError):
        CompositionalFaithfulnessEvaluator(min_faithfulness=1.5)
    with pytest.raises(ValidationError):
        CompositionalFaithfulnessEvaluator(max_verified=0)
    evaluator = CompositionalFaithfulnessEvaluator(max_verified=2)
    assert evaluator.get_prompts() == {}
    assert CompositionalFaithfulnessEvaluator(**evaluator.model_dump()).max_verified == 2
