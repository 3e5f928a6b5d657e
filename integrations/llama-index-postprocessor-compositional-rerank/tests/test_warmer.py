"""Warming inside a real ingestion pipeline."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index.postprocessor.compositional_rerank import (
    CompositionalRerank,
    CompositionalWarmer,
    StructuralEmbedding,
)

from compositional_rerank import CompositionalReranker, FileStore, StructuralEmbedder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.errors import InputError

QUERY = "How often may children take paracetamol?"
DOCUMENTS = [
    Document(
        text="Aspirin is not for children under twelve. Children may take paracetamol four times a day. "
        "The pharmacy opens at nine and closes at six. Parking is free for the first hour.",
        metadata={"title": "Leaflet", "secret": "never embedded"},  # pragma: allowlist secret
        excluded_embed_metadata_keys=["secret"],
    )
]


@pytest.fixture
def stored(reranker: CompositionalReranker, tmp_path: Path) -> CompositionalReranker:
    """The same model with a store on disk."""
    return CompositionalReranker.from_parts(
        reranker.encoder, name=reranker.name, store=FileStore(tmp_path / "store")
    )


@pytest.fixture
def forwards(reranker: CompositionalReranker) -> Iterator[list[int]]:
    """Number of texts in every batch that the model computes."""
    counts: list[int] = []
    hook = reranker.encoder.transformer.register_forward_pre_hook(
        lambda module, inputs: counts.append(len(inputs[0]["input_ids"]))
    )
    yield counts
    hook.remove()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_after_an_ingestion_only_the_query_is_encoded(
    stored: CompositionalReranker, embedder: StructuralEmbedder, forwards: list[int], asynchronous: bool
) -> None:
    embedding = StructuralEmbedding.from_embedder(embedder)
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(chunk_size=40, chunk_overlap=0),
            CompositionalWarmer.from_reranker(stored),
            embedding,
        ]
    )
    nodes = await pipeline.arun(documents=DOCUMENTS) if asynchronous else pipeline.run(documents=DOCUMENTS)
    assert len(nodes) > 1
    assert len(stored.store) == len(nodes)  # type: ignore[arg-type]
    index = VectorStoreIndex(nodes, embed_model=embedding)
    retrieved = index.as_retriever(similarity_top_k=10).retrieve(QUERY)
    forwards.clear()
    ranked = CompositionalRerank.from_reranker(stored).postprocess_nodes(retrieved, query_str=QUERY)
    assert len(ranked) == len(nodes)
    assert forwards == [1]


def test_nodes_pass_through_as_they_are(stored: CompositionalReranker, nodes: list[NodeWithScore]) -> None:
    bare = [node.node for node in nodes]
    before = [node.model_copy(deep=True) for node in bare]
    assert CompositionalWarmer.from_reranker(stored)(bare) == before
    assert CompositionalWarmer.from_reranker(stored)([]) == []


def test_other_processes_find_the_store_by_its_folder(
    stored: CompositionalReranker, nodes: list[NodeWithScore], tmp_path: Path
) -> None:
    warmer = CompositionalWarmer.from_reranker(stored)
    folder = str(tmp_path / "store")
    for restored in (
        pickle.loads(pickle.dumps(warmer)),
        CompositionalWarmer.from_dict(warmer.to_dict()),
        CompositionalWarmer.from_json(warmer.to_json()),
        CompositionalWarmer(**json.loads(warmer.model_dump_json())),
    ):
        assert (restored.model, restored.device, restored.store) == (DEFAULT_BASE, "cpu", folder)
    restored([node.node for node in nodes])
    assert len(FileStore(folder)) == len(nodes)
    rerank = pickle.loads(pickle.dumps(CompositionalRerank.from_reranker(stored)))
    assert rerank.store == folder


def test_the_backend_travels(nodes: list[NodeWithScore], tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra compositional-rerank[openvino] is not installed")
    store = str(tmp_path / "store")
    fast = CompositionalReranker.from_pretrained(DEFAULT_BASE, backend="openvino", store=store)
    warmer = CompositionalWarmer.from_dict(CompositionalWarmer.from_reranker(fast).to_dict())
    warmer([node.node for node in nodes])
    assert len(FileStore(store)) == len(nodes)
    rerank = CompositionalRerank.from_dict(CompositionalRerank.from_reranker(fast).to_dict())
    assert (warmer.backend, rerank.backend) == ("openvino", "openvino")
    ranked = rerank.postprocess_nodes(nodes, query_str=QUERY)
    texts = [node.node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
    assert [node.score for node in ranked] == [one.score for one in fast.rerank(QUERY, texts)]


def test_no_store_is_an_error(reranker: CompositionalReranker, nodes: list[NodeWithScore]) -> None:
    bare = [node.node for node in nodes]
    with pytest.raises(InputError, match="no store to fill"):
        CompositionalWarmer(model=DEFAULT_BASE)(bare)
    in_memory = CompositionalReranker.from_parts(reranker.encoder, name="memory")
    CompositionalWarmer.from_reranker(in_memory)(bare)
    assert len(in_memory.store) == len(nodes)  # type: ignore[arg-type]
