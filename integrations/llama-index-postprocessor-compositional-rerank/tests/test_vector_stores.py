"""Vector stores that people use, embedded, each with its own scores: they are read, and near-misses fall."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.postprocessor.compositional_rerank import CompositionalRerank, StructuralEmbedding

from compositional_rerank import CompositionalReranker, StructuralEmbedder

QUERY = "The drug is safe for children."
TEXTS = [
    "The drug is not safe for children.",
    "Children can take the drug without risk.",
    "The train leaves at nine.",
    "Bread is baked in the early morning.",
]


def chroma(folder: Path) -> Any:
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(str(folder))
    return ChromaVectorStore(chroma_collection=client.create_collection("texts"))


def faiss(folder: Path) -> Any:
    from faiss import IndexFlatL2
    from llama_index.vector_stores.faiss import FaissVectorStore

    return FaissVectorStore(faiss_index=IndexFlatL2(384))  # its scores are distances


def lancedb(folder: Path) -> Any:
    from llama_index.vector_stores.lancedb import LanceDBVectorStore

    return LanceDBVectorStore(uri=str(folder))


def qdrant(folder: Path) -> Any:
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    return QdrantVectorStore(client=QdrantClient(path=str(folder)), collection_name="texts")


def store_of(make: Callable[[Path], Any], *modules: str) -> object:
    missing = [name for name in modules if not installed(name)]
    skip = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
    return pytest.param(make, marks=skip, id=make.__name__)


def installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


@pytest.mark.parametrize(
    "make",
    [
        store_of(chroma, "chromadb", "llama_index.vector_stores.chroma"),
        store_of(faiss, "faiss", "llama_index.vector_stores.faiss"),
        store_of(lancedb, "lancedb", "llama_index.vector_stores.lancedb"),
        store_of(qdrant, "qdrant_client", "llama_index.vector_stores.qdrant"),
    ],
)
def test_the_order_of_a_store_can_be_kept(
    make: Callable[[Path], Any],
    judging: CompositionalReranker,
    embedder: StructuralEmbedder,
    tmp_path: Path,
) -> None:
    index = VectorStoreIndex(
        [TextNode(text=text) for text in TEXTS],
        storage_context=StorageContext.from_defaults(vector_store=make(tmp_path)),
        embed_model=StructuralEmbedding.from_embedder(embedder),
    )
    found = index.as_retriever(similarity_top_k=len(TEXTS)).retrieve(QUERY)
    keep = CompositionalRerank.from_reranker(judging, order="retriever", near_misses="mark")
    kept = keep.postprocess_nodes(found, query_str=QUERY)
    assert [node.node_id for node in kept] == [node.node_id for node in found]
    assert [node.metadata["retrieval_score"] for node in kept] == [node.score for node in found]
    demote = CompositionalRerank.from_reranker(judging, order="retriever")
    ranked = demote.postprocess_nodes(found, query_str=QUERY)
    assert ranked[0].text == TEXTS[1]
    assert next(node for node in ranked if node.text == TEXTS[0]).metadata["near_miss"]
    assert len(ranked) == len(TEXTS)
