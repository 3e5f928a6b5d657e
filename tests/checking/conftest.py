"""What the package ships, with its verifier."""

from __future__ import annotations

import pytest

from compositional_rerank import CompositionalReranker


@pytest.fixture(scope="session")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")
