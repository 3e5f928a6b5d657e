"""Real models, loaded once."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document

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
def core_reranker() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(DEFAULT_BASE, verifier="none", device="cpu")


@pytest.fixture(scope="session")
def judging() -> CompositionalReranker:
    """What the package ships, with its verifier."""
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def core_embedder() -> StructuralEmbedder:
    return StructuralEmbedder.from_pretrained(DEFAULT_BASE, device="cpu")


@pytest.fixture
def documents() -> list[Document]:
    """Five documents with metadata, stale scores among them; the last is blank."""
    return [
        Document(text, id=str(index), metadata={"page": index, "relevance_score": 9.0, "nested": {"a": 1}})
        for index, text in enumerate(TEXTS)
    ]
