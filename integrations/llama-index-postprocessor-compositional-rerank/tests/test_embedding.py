from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.indices.vector_store.retrievers import VectorIndexRetriever
from llama_index.core.schema import TextNode
from llama_index.postprocessor.compositional_rerank import StructuralEmbedding
from pydantic import ValidationError

from compositional_rerank import StructuralEmbedder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.errors import InputError, ModelNotFoundError

TEXTS = ["Rome is closer than Paris", "", "Paris is closer than Rome"]


@pytest.fixture
def embedding(embedder: StructuralEmbedder) -> StructuralEmbedding:
    return StructuralEmbedding.from_embedder(embedder)


def test_is_an_embedding() -> None:
    assert issubclass(StructuralEmbedding, BaseEmbedding)
    assert StructuralEmbedding.class_name() == "StructuralEmbedding"


def test_gives_the_cores_vectors_as_floats(
    embedding: StructuralEmbedding, embedder: StructuralEmbedder
) -> None:
    vectors = embedding.get_text_embedding_batch(TEXTS)
    assert vectors == embedder.encode_document(TEXTS).tolist()
    assert all(type(component) is float for vector in vectors for component in vector)
    assert embedding.get_query_embedding(TEXTS[0]) == embedder.encode_query(TEXTS[:1])[0].tolist()
    assert embedding.get_text_embedding(TEXTS[0]) == embedder.encode_document(TEXTS[:1])[0].tolist()
    assert embedding.get_text_embedding_batch([]) == []


async def test_async_gives_the_same(embedding: StructuralEmbedding) -> None:
    batch, query, text = await asyncio.gather(
        embedding.aget_text_embedding_batch(TEXTS),
        embedding.aget_query_embedding(TEXTS[0]),
        embedding.aget_text_embedding(TEXTS[0]),
    )
    assert batch == embedding.get_text_embedding_batch(TEXTS)
    assert query == embedding.get_query_embedding(TEXTS[0])
    assert text == embedding.get_text_embedding(TEXTS[0])


def test_batches(embedding: StructuralEmbedding, embedder: StructuralEmbedder) -> None:
    embedding.embed_batch_size = 2
    sizes: list[int] = []
    hook = embedder.model.register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0]["input_ids"]))
    )
    embedding.get_text_embedding_batch(["a", "b", "c", "d", "e"])
    hook.remove()
    assert sizes == [2, 2, 1]


def test_transforms_nodes(embedding: StructuralEmbedding) -> None:
    nodes = embedding([TextNode(text="Rome"), TextNode(text="Paris")])
    assert all(node.embedding is not None and len(node.embedding) == 384 for node in nodes)


def test_round_trips(embedding: StructuralEmbedding) -> None:
    expected = embedding.get_query_embedding("Rome")
    for restored in (
        StructuralEmbedding.from_dict(embedding.to_dict()),
        pickle.loads(pickle.dumps(embedding)),
    ):
        assert restored.model_name == embedding.model_name
        assert restored.embed_batch_size == embedding.embed_batch_size == 32
        assert restored.get_query_embedding("Rome") == pytest.approx(expected, abs=1e-6)
    assert len(pickle.dumps(embedding)) < 5000


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "x"},
        {"sensitivity": 1.5},
        {"sensitivity": "1"},
        {"embed_batch_size": 0},
        {"model_name": None},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        StructuralEmbedding(**settings)


def test_a_sensitivity_that_the_model_has_not_is_an_error() -> None:
    with pytest.raises(InputError, match="pass sensitivity=0"):
        StructuralEmbedding(model_name=DEFAULT_BASE, sensitivity=0.5).get_query_embedding("Rome")


def test_an_index_with_the_structural_part() -> None:
    texts = ["The drug is not safe for children", "Children may take the drug", "Rome is in Italy"]
    plain, structural = StructuralEmbedding(), StructuralEmbedding(sensitivity=1.0)
    indexes = [
        VectorStoreIndex([TextNode(text=text) for text in texts], embed_model=embedding)
        for embedding in (plain, structural)
    ]
    found = [
        {
            node.text: node.score
            for node in index.as_retriever(similarity_top_k=3).retrieve("The drug is safe")
        }
        for index in indexes
    ]
    assert len(structural.get_query_embedding("Rome")) == len(plain.get_query_embedding("Rome")) + 128
    # the near-miss moves away, and the unrelated text stays where it was
    assert found[1][texts[0]] < found[0][texts[0]] - 0.03
    assert found[1][texts[2]] == pytest.approx(found[0][texts[2]], abs=0.1)

    with pytest.raises(ValueError, match=r"shapes|dimension|size"):
        VectorIndexRetriever(indexes[0], embed_model=structural).retrieve("The drug is safe")


def test_an_unknown_model_is_an_error_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    embedding = StructuralEmbedding(model_name="no/such-model")
    with pytest.raises(ModelNotFoundError, match="no/such-model"):
        embedding.get_query_embedding("Rome")


def test_odd_texts(embedding: StructuralEmbedding) -> None:
    assert len(embedding.get_text_embedding_batch(["\ud800", "\x00", "x" * 100_000])) == 3
