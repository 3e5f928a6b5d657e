"""What needs no model: fields, copies, checks."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, ValidationError

from compositional_rerank.errors import ModelNotFoundError
from langchain_compositional_rerank import CompositionalReranker, CompositionalRetriever, StructuralEmbeddings

SETTINGS: dict[str, Any] = {
    "model": "some/model",
    "encoder": "some/encoder",
    "device": "cpu",
    "top_n": 3,
    "min_score": -0.5,
    "max_mismatch": 0.25,
    "order": "mix",
    "near_misses": "drop",
    "threshold": 0.5,
    "denials": "keep",
    "max_verified": 0,
    "retrieval_score_key": "score",
}


def test_are_what_langchain_expects() -> None:
    assert issubclass(CompositionalReranker, BaseDocumentCompressor)
    assert issubclass(CompositionalRetriever, BaseRetriever)


def test_round_trips_keep_every_field() -> None:
    original = CompositionalReranker(**SETTINGS)
    assert original.model_dump() == {
        "verifier": None,
        "store": None,
        "backend": "torch",
        "metadata_prefix": "",
        **SETTINGS,
    }
    for restored in (
        CompositionalReranker.model_validate_json(original.model_dump_json()),
        pickle.loads(pickle.dumps(original)),
        original.model_copy(deep=True),
    ):
        assert restored == original


@pytest.mark.parametrize(
    ("adapter", "settings"),
    [
        (CompositionalReranker, {"top_k": 3}),
        (CompositionalReranker, {"top_n": 0}),
        (CompositionalReranker, {"top_n": -1}),
        (CompositionalReranker, {"top_n": True}),
        (CompositionalReranker, {"top_n": "3"}),
        (CompositionalReranker, {"min_score": math.nan}),
        (CompositionalReranker, {"min_score": "0"}),
        (CompositionalReranker, {"max_mismatch": 1.5}),
        (CompositionalReranker, {"max_mismatch": math.nan}),
        (CompositionalReranker, {"order": "best"}),
        (CompositionalReranker, {"near_misses": "hide"}),
        (CompositionalReranker, {"threshold": 1.5}),
        (CompositionalReranker, {"threshold": "0.5"}),
        (CompositionalReranker, {"threshold": None}),
        (CompositionalReranker, {"denials": "never"}),
        (CompositionalReranker, {"denials": None}),
        (CompositionalReranker, {"max_verified": -1}),
        (CompositionalReranker, {"max_verified": True}),
        (CompositionalReranker, {"max_verified": "3"}),
        (CompositionalReranker, {"model": 3}),
        (CompositionalReranker, {"backend": "onnx"}),
        (StructuralEmbeddings, {"model_name": "x"}),
        (StructuralEmbeddings, {"sensitivity": 2}),
        (StructuralEmbeddings, {"batch_size": 0}),
    ],
)
def test_bad_settings_are_refused(adapter: type[BaseModel], settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        adapter(**settings)


@pytest.mark.parametrize(
    "settings", [{"k": 0}, {"k": True}, {"top_k": 3}, {"base_retriever": 3}, {"search_kwargs": {"k": 9}}]
)
def test_bad_retriever_settings_are_refused(settings: dict[str, Any]) -> None:
    base: RunnableLambda[str, Any] = RunnableLambda(lambda query: [])
    with pytest.raises(ValidationError, match=next(iter(settings))):
        CompositionalRetriever(**{"base_retriever": base, **settings})


def test_a_loaded_model_cannot_be_renamed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CompositionalReranker().model = "another"


def test_an_unknown_model_is_an_error_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="no/such-model"):
        CompositionalReranker(model="no/such-model").compress_documents([Document("a")], "Who?")


def test_only_langchain_core_is_needed() -> None:
    code = (
        "import sys; import langchain_compositional_rerank; "
        "print(*sorted({name.split('.')[0] for name in sys.modules if name.startswith('langchain')}))"
    )
    names = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(names) <= {"langchain_compositional_rerank", "langchain_core", "langchain_protocol"}
