"""The shipped reranker, loaded once."""

from __future__ import annotations

import pytest

from compositional_rerank import CompositionalReranker
from compositional_rerank.caching import CacheGuard


@pytest.fixture(scope="session")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture
def guard(shipped: CompositionalReranker) -> CacheGuard:
    return CacheGuard(shipped)
