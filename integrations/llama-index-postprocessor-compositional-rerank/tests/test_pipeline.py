"""The adapter inside LlamaIndex: index, query engine, evaluator."""

from __future__ import annotations

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.evaluation import RetrieverEvaluator
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import BaseQueryEngine
from llama_index.core.schema import TextNode
from llama_index.postprocessor.compositional_rerank import CompositionalRerank, StructuralEmbedding

from compositional_rerank import CompositionalReranker, StructuralEmbedder

TEXTS = {
    "near-miss": "Aspirin is not for children under twelve; ask a doctor before giving it.",
    "answer": "Children under twelve may take paracetamol, at most four times a day.",
    "hours": "The pharmacy opens at nine and closes at six.",
    "returns": "Medicine that was opened cannot be returned.",
    "parking": "Parking is free for the first hour.",
}
QUERY = "How often may children take paracetamol?"


@pytest.fixture(scope="module")
def index(embedder: StructuralEmbedder) -> VectorStoreIndex:
    nodes = [TextNode(text=text, id_=name) for name, text in TEXTS.items()]
    return VectorStoreIndex(nodes, embed_model=StructuralEmbedding.from_embedder(embedder))


@pytest.fixture
def engine(index: VectorStoreIndex, reranker: CompositionalReranker) -> BaseQueryEngine:
    return index.as_query_engine(
        llm=MockLLM(),
        similarity_top_k=4,
        node_postprocessors=[CompositionalRerank.from_reranker(reranker, top_n=2, order="relevance")],
    )


async def test_query_engine(engine: BaseQueryEngine, index: VectorStoreIndex) -> None:
    retrieved = {node.node_id: node.score for node in index.as_retriever(similarity_top_k=4).retrieve(QUERY)}
    response = engine.query(QUERY)
    assert len(response.source_nodes) == 2
    assert response.source_nodes[0].node_id == "answer"
    for node in response.source_nodes:
        assert node.metadata["retrieval_score"] == pytest.approx(retrieved[node.node_id])
        assert node.score == node.metadata["relevance"]
    again = await engine.aquery(QUERY)
    assert [(n.node_id, n.score) for n in again.source_nodes] == [
        (n.node_id, n.score) for n in response.source_nodes
    ]


def test_the_llm_reads_no_scores(index: VectorStoreIndex, reranker: CompositionalReranker) -> None:
    engine = index.as_query_engine(
        llm=MockLLM(), node_postprocessors=[CompositionalRerank.from_reranker(reranker)]
    )
    prompt = str(engine.query(QUERY))  # the mock answers with its prompt
    assert TEXTS["answer"] in prompt
    assert "relevance" not in prompt
    assert "retrieval_score" not in prompt


async def test_retriever_evaluator(index: VectorStoreIndex, reranker: CompositionalReranker) -> None:
    evaluator = RetrieverEvaluator.from_metric_names(
        ["mrr", "hit_rate"],
        retriever=index.as_retriever(similarity_top_k=5),
        node_postprocessors=[CompositionalRerank.from_reranker(reranker, top_n=1)],
    )
    result = await evaluator.aevaluate(query=QUERY, expected_ids=["answer"])
    assert result.metric_vals_dict == {"mrr": 1.0, "hit_rate": 1.0}
    assert result.retrieved_ids == ["answer"]


def test_an_index_keeps_its_nodes(engine: BaseQueryEngine, index: VectorStoreIndex) -> None:
    engine.query(QUERY)
    assert all(node.metadata == {} for node in index.docstore.docs.values())
