"""Real models, loaded once."""

from __future__ import annotations

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE

TEXTS = [
    "Paris is in France.",
    "Goethe wrote Faust.",
    "The play Faust has two parts.",
    "Rome is closer than Paris.",
    "",
]


@pytest.fixture(scope="session")
def reranker() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(DEFAULT_BASE, verifier="none", device="cpu")


@pytest.fixture(scope="session")
def judging() -> CompositionalReranker:
    """What the package ships, with its verifier."""
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def embedder() -> StructuralEmbedder:
    return StructuralEmbedder.from_pretrained(DEFAULT_BASE, device="cpu")


@pytest.fixture
def nodes() -> list[NodeWithScore]:
    """Five nodes with metadata and falling retrieval scores; the last is blank."""
    return [
        NodeWithScore(
            node=TextNode(
                text=text,
                id_=str(index),
                metadata={"page": index, "secret": "Goethe Faust"},  # pragma: allowlist secret
                excluded_embed_metadata_keys=["page", "secret"],
            ),
            score=0.9 - index / 10,
        )
        for index, text in enumerate(TEXTS)
    ]
