"""A LlamaIndex citation query engine whose answer is checked, sentence by sentence, and an evaluation of it.

Runs offline, with an answer that a language model may give; with --base-url and --model, an OpenAI-compatible
endpoint writes it.
"""

from __future__ import annotations

from typing import Any

from common import WIDTH, WRITTEN, chat, parse_arguments, questions, read_corpus
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import TextNode
from llama_index.postprocessor.compositional_rerank import (
    CompositionalFaithfulnessEvaluator,
    CompositionalRerank,
    StructuralEmbedding,
)

from compositional_rerank import CompositionalReranker
from compositional_rerank.checking import annotated

CANDIDATES = 20


class Writer(CustomLLM):
    """An OpenAI-compatible endpoint, or without one what is written here for a question in the prompt."""

    base_url: str | None = None
    model: str | None = None

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model or "written")

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        if self.base_url is not None and self.model is not None:
            return CompletionResponse(text=chat(self.base_url, self.model, prompt))
        return CompletionResponse(text=next(text for asked, text in WRITTEN.items() if asked in prompt))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        yield self.complete(prompt)


def main() -> None:
    arguments = parse_arguments("LlamaIndex citation query engine with CompositionalFaithfulnessEvaluator")
    nodes = [
        TextNode(id_=passage["id"], text=passage["text"], metadata={"title": passage["title"]})
        for passage in read_corpus()
    ]
    index = VectorStoreIndex(nodes, embed_model=StructuralEmbedding())
    core = CompositionalReranker.from_pretrained()
    engine = CitationQueryEngine.from_args(
        index,
        llm=Writer(base_url=arguments.base_url, model=arguments.model),
        similarity_top_k=CANDIDATES,
        # near-misses stay where they are: a denial must be seen to be told
        node_postprocessors=[
            CompositionalRerank.from_reranker(core, top_n=arguments.show, near_misses="mark")
        ],
    )
    evaluator = CompositionalFaithfulnessEvaluator.from_reranker(core)
    for question in questions(arguments):
        response = engine.query(question)
        checked = evaluator.check_response(response)
        print(f"\n{'=' * WIDTH}\nQuestion: {question}\n\n{annotated(checked)}\n")
        for number, hit in enumerate(response.source_nodes, 1):
            print(f"[{number}] {hit.node.metadata['title']}")
        result = evaluator.evaluate_response(query=question, response=response)
        print(f"\nFaithfulness: {result.score}, passing: {result.passing}\n{result.feedback}")


if __name__ == "__main__":
    main()
