"""A LlamaIndex query engine that retrieves, reranks and answers.

Runs offline; with --base-url and --model, an OpenAI-compatible endpoint writes the answer.
"""

from __future__ import annotations

from typing import Any

from common import TELLING_QUERIES, Row, best_sentence, chat, parse_arguments, read_corpus, show, show_summary
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata, MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.response_synthesizers.no_text import NoText
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.compositional_rerank import CompositionalRerank, StructuralEmbedding

from compositional_rerank import CompositionalReranker

CANDIDATES = 20


class ChatEndpoint(CustomLLM):
    """An OpenAI-compatible endpoint as a LlamaIndex LLM."""

    base_url: str
    model: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=chat(self.base_url, self.model, prompt))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        yield self.complete(prompt)


def to_row(hit: NodeWithScore, **scores: Any) -> Row:
    return Row(hit.node.node_id, hit.node.metadata["title"], hit.node.get_content(), **scores)


def main() -> None:
    arguments = parse_arguments("LlamaIndex query engine with CompositionalRerank")
    nodes = [
        TextNode(id_=passage["id"], text=passage["text"], metadata={"title": passage["title"]})
        for passage in read_corpus()
    ]
    index = VectorStoreIndex(nodes, embed_model=StructuralEmbedding())
    retriever = index.as_retriever(similarity_top_k=CANDIDATES)
    if arguments.base_url:
        llm = ChatEndpoint(base_url=arguments.base_url, model=arguments.model)
        synthesizer = get_response_synthesizer(llm=llm)
    else:  # the engine only finds the nodes; the answer is a sentence of the first
        synthesizer = NoText(llm=MockLLM())
    reranker = CompositionalReranker.from_pretrained()
    postprocessor = CompositionalRerank.from_reranker(reranker, top_n=arguments.show)
    engine = RetrieverQueryEngine(retriever, synthesizer, [postprocessor])

    rankings = []
    for query in arguments.query or TELLING_QUERIES:
        before = [to_row(hit, retrieval_score=hit.score) for hit in retriever.retrieve(query)]
        response = engine.query(query)
        after = [
            to_row(
                hit,
                retrieval_score=hit.node.metadata["retrieval_score"],
                relevance=hit.node.metadata["relevance"],
                verdict=hit.node.metadata["verdict"],
                support=hit.node.metadata["support"],
                mismatch=hit.node.metadata["mismatch"],
                evidence=hit.node.metadata["evidence"],
                score=hit.score,
            )
            for hit in response.source_nodes
        ]
        answer = str(response)
        if not arguments.base_url:
            answer = best_sentence(reranker, query, after[0].text, after[0].evidence)
        show(query, before, after, arguments.show, answer)
        rankings.append((query, before, after))
    show_summary(rankings)


if __name__ == "__main__":
    main()
