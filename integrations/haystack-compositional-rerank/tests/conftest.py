"""Real models, loaded once."""

from __future__ import annotations

import os

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # before haystack is imported: nothing leaves the machine

from haystack import Document

from compositional_rerank import CompositionalReranker
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
    return CompositionalReranker.from_pretrained(DEFAULT_BASE, device="cpu")


@pytest.fixture(scope="session")
def judging() -> CompositionalReranker:
    """What the package ships, with its verifier."""
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture
def documents() -> list[Document]:
    """Five documents with meta and falling retrieval scores; the last is blank."""
    return [
        Document(id=str(index), content=text, meta={"page": index, "verdict": "old"}, score=0.9 - index / 10)
        for index, text in enumerate(TEXTS)
    ]
