"""Small data of the tests' own, and embedders that need no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

DOCUMENTS = [
    {"_id": "d1", "title": "Cats", "text": "A cat sleeps on the warm roof."},
    {"_id": "d2", "title": "Rome", "text": "Rome is closer than Paris."},
    {"_id": "d3", "title": "", "text": "Paris is closer than Rome."},
    {"_id": "d4", "text": "The drug is safe for children."},
    {"_id": "q2", "title": "Own", "text": "Is the drug safe for children?"},
]
QUERIES = [
    {"_id": "q1", "text": "Which city is closer, Rome or Paris?"},
    {"_id": "q2", "text": "Is the drug safe for children?"},
    {"_id": "q3", "text": "not judged"},
]
QRELS = ["query-id\tcorpus-id\tscore", "q1\td2\t2", "q1\td3\t1", "q2\td4\t1"]
PAIRS = [
    {"text1": "the dog bit the man", "text2": "the man was bitten by the dog", "same": 1},
    {"text1": "the dog bit the man", "text2": "the man bit the dog", "same": 0, "edit_type": "role"},
    {
        "text1": "a red cup on a blue plate",
        "text2": "a blue cup on a red plate",
        "same": 0,
        "edit_type": "binding",
    },
]
TRIPLES = [
    {
        "anchor": "the dog bit the man",
        "positive": "the man was bitten by the dog",
        "negative": "the man bit the dog",
        "edit_type": "role",
    },
    {
        "anchor": "The drug is safe.",
        "positive": "The drug does no harm.",
        "negative": "The drug is not safe.",
        "edit_type": "negation",
    },
]
CONTRASTS = [
    {
        "q1": "Which drug is safe?",
        "q2": "Which drug is not safe?",
        "doc1": "Aspirin is safe.",
        "doc2": "Aspirin is not safe.",
    }
]
INFERENCES = [
    {"premise": "The drug is safe.", "hypothesis": "The drug does no harm.", "label": "entailment"},
    {"premise": "The drug is safe.", "hypothesis": "The drug is not safe.", "label": "contradiction"},
    {"premise": "The drug is safe.", "hypothesis": "The drug is cheap.", "label": "neutral"},
    {"premise": "The dog bit the man.", "hypothesis": "The man bit the dog.", "label": "non-entailment"},
]


def write_jsonl(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows; a row that is a string goes in as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    write_jsonl(folder / "corpus.jsonl", DOCUMENTS)
    write_jsonl(folder / "queries.jsonl", QUERIES)
    write_jsonl(folder / "qrels" / "test.tsv", QRELS)
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "swaps.jsonl", PAIRS)


@pytest.fixture
def triples(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "triples.jsonl", TRIPLES)


@pytest.fixture
def contrast(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "nevir.jsonl", CONTRASTS)


@pytest.fixture
def nli(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "nli.jsonl", INFERENCES)


class HashEmbedder:
    """Vectors drawn from a hash of the text; counts what it encodes."""

    name = "hash"

    def __init__(self, fingerprint: str = "f", stop_after: int | None = None) -> None:
        self.fingerprint = fingerprint
        self.stop_after = stop_after
        self.encoded: list[str] = []

    def encode_query(self, queries: Sequence[str]) -> NDArray[np.float32]:
        if self.stop_after is not None and len(self.encoded) >= self.stop_after:
            raise KeyboardInterrupt
        self.encoded += queries
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in queries]
        vectors = np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    encode_document = encode_query


@pytest.fixture
def hash_embedder() -> Callable[..., HashEmbedder]:
    return HashEmbedder
