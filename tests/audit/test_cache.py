"""Embeddings are made once, survive an interruption, and damage is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compositional_rerank.audit import cache as module
from compositional_rerank.audit.cache import EmbeddingCache, default_folder
from compositional_rerank.errors import InputError

TEXTS = [f"text {i}" for i in range(25)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 10)
    monkeypatch.setattr(module, "SHARD", 4)


def test_each_text_is_encoded_once(hash_embedder: Callable, tmp_path: Path) -> None:
    first, second = hash_embedder(), hash_embedder()
    made = EmbeddingCache(tmp_path).vectors(first, [*TEXTS, "text 3"], "query", "t")
    again = EmbeddingCache(tmp_path).vectors(second, [*TEXTS, "text 3"], "query", "t")
    np.testing.assert_array_equal(made, first.encode_query([*TEXTS, "text 3"]))
    np.testing.assert_array_equal(made, again)
    assert second.encoded == []


def test_another_model_or_role_reads_nothing(hash_embedder: Callable, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.vectors(hash_embedder(), TEXTS, "query", "t")
    for embedder, role in ((hash_embedder("g"), "query"), (hash_embedder(), "document")):
        cache.vectors(embedder, TEXTS, role, "t")
        assert embedder.encoded == TEXTS


def test_an_interrupted_run_goes_on_where_it_stopped(hash_embedder: Callable, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        EmbeddingCache(tmp_path).vectors(hash_embedder(stop_after=8), TEXTS, "query", "t")
    rest = hash_embedder()
    vectors = EmbeddingCache(tmp_path).vectors(rest, TEXTS, "query", "t")
    assert rest.encoded == TEXTS[8:]
    np.testing.assert_array_equal(vectors, hash_embedder().encode_query(TEXTS))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_shard_is_encoded_again(hash_embedder: Callable, tmp_path: Path, damage: str) -> None:
    cache = EmbeddingCache(tmp_path)
    good = cache.vectors(hash_embedder(), TEXTS, "query", "t")
    shard = sorted(tmp_path.rglob("*.safetensors"))[0]
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes({"flip": bytes(content), "cut": bytes(content[:-9]), "empty": b""}[damage])
    rest = hash_embedder()
    np.testing.assert_array_equal(cache.vectors(rest, TEXTS, "query", "t"), good)
    assert 1 <= len(rest.encoded) <= 4
    assert not list(tmp_path.rglob("*.part"))


def test_only_a_block_is_in_memory(hash_embedder: Callable, tmp_path: Path) -> None:
    blocks = list(EmbeddingCache(tmp_path).blocks(hash_embedder(), TEXTS, "document", "t"))
    assert [(start, len(vectors)) for start, vectors in blocks] == [(0, 10), (10, 10), (20, 5)]


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another with --cache"):
        EmbeddingCache(tmp_path / "file" / "cache")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COMPOSITIONAL_RERANK_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "audit"
    monkeypatch.delenv("COMPOSITIONAL_RERANK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_folder() == tmp_path / "x" / "compositional-rerank" / "audit"
