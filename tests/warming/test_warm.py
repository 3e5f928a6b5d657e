"""Warming in this process: what is encoded, kept, tried again and reported. test_ray.py has the cluster."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from compositional_rerank import CompositionalReranker, FileStore, MemoryStore, TokenEncoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import EncodingError, InputError, StoreError
from compositional_rerank.store import quantise, token_key
from compositional_rerank.store.layout import Layout
from compositional_rerank.warming import chunks, warm

PASSAGES = ["The soup is cold.", "Paris is closer than Rome.", "Rome lies in Italy.", "The soup is cold."]


class FailingEncoder:
    """The real encoder, whose device fails for some calls and some passages."""

    def __init__(self, encoder: TokenEncoder, calls: int = 0, poison: Sequence[str] = ()) -> None:
        self._encoder, self._calls, self._poison = encoder, calls, poison

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, texts: Sequence[str], **options: Any) -> list[EncodedText]:
        self._calls -= 1
        if self._calls >= 0 or any(text in self._poison for text in texts):
            raise RuntimeError("out of memory\non the device")
        return self._encoder.encode(texts, **options)


def failing(reranker: CompositionalReranker, store: Any = None, **faults: Any) -> CompositionalReranker:
    encoder: Any = FailingEncoder(reranker.encoder, **faults)
    return CompositionalReranker.from_parts(encoder, name="failing", store=store or MemoryStore())


def test_what_a_store_has_is_not_encoded_again(
    fresh_reranker: CompositionalReranker, forwards: list[torch.Size]
) -> None:
    told: list[tuple[int, int]] = []
    done = warm(fresh_reranker, PASSAGES, progress=lambda *step: told.append(step))
    assert (done.new, done.known, done.unkept, done.failed) == (3, 0, 0, {})
    assert told == [(3, done.tokens)]
    forwards.clear()
    again = warm(fresh_reranker, [*PASSAGES, "Oslo lies in Norway."])
    assert (again.new, again.known) == (1, 3)
    assert [shape[0] for shape in forwards] == [1]


def test_a_batch_that_fails_is_tried_again(reranker: CompositionalReranker) -> None:
    unlucky = failing(reranker, calls=1)
    assert warm(unlucky, PASSAGES).new == 3
    assert len(unlucky.store) == 3  # type: ignore[arg-type]


def test_a_passage_that_always_fails_is_named_and_takes_no_other_along(
    reranker: CompositionalReranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky = failing(reranker, poison=[PASSAGES[1]])
    done = warm(unlucky, PASSAGES)
    assert done.new == 2
    assert done.failed == {PASSAGES[1]: "RuntimeError: out of memory on the device"}
    with pytest.raises(EncodingError, match=r"1 passages could not .* 'Paris is closer than Rome\.'"):
        unlucky.warm(PASSAGES)


def test_a_device_that_is_gone_ends_it(reranker: CompositionalReranker, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    with pytest.raises(EncodingError, match=r"none of 3 passages .* out of memory on the device.*goes on"):
        warm(failing(reranker, store, calls=99), PASSAGES)
    assert len(store) == 0


def test_what_the_store_does_not_keep_is_counted(reranker: CompositionalReranker, tmp_path: Path) -> None:
    own = reranker.with_store(FileStore(tmp_path / "store", max_passage_bytes=20_000))
    with pytest.warns(UserWarning, match="max_passage_bytes is 20000"):
        done = warm(own, ["Rome.", "Rome is old. " * 50])
    assert (done.new, done.unkept) == (1, 1)


def test_a_store_that_is_read_only_is_refused(reranker: CompositionalReranker, tmp_path: Path) -> None:
    FileStore(tmp_path / "store").close()
    own = reranker.with_store(FileStore(tmp_path / "store", read_only=True))
    with pytest.raises(StoreError, match="read only"):
        warm(own, PASSAGES)


def test_a_damaged_passage_is_encoded_again(reranker: CompositionalReranker, tmp_path: Path) -> None:
    own = reranker.with_store(FileStore(tmp_path / "store"))
    warm(own, PASSAGES)
    file = tmp_path / "store" / "vectors-1.bin"
    content = bytearray(file.read_bytes())
    content[3] ^= 4
    file.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="1 passages are damaged"):
        assert (warm(own, PASSAGES).new, warm(own, PASSAGES).new) == (1, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warm(own, PASSAGES).known == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "spark"}, "engine 'spark' is unknown; the engines are: local, ray"),
        ({"actors": 2}, "actors is 2, and the engine local has none"),
        ({"engine": "ray", "actors": 0}, "actors must be at least 1, got 0"),
    ],
)
def test_bad_arguments(fresh_reranker: CompositionalReranker, options: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        warm(fresh_reranker, PASSAGES, **options)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int4", "int3"])
def test_what_an_actor_packs_is_what_a_store_gives(encoder: TokenEncoder, dtype: str) -> None:
    pytest.importorskip("pyarrow")
    from compositional_rerank.warming.ray_data import _answer, _chunk

    texts = [*PASSAGES[:3], "", "lone \ud800 surrogate"]
    entries = dict(zip(texts, encoder.encode(texts, task="document"), strict=True))
    layout = Layout(dtype, encoder.dimension, encoder.pooled_dimension)
    left = dict.fromkeys([*texts, "failed", "later"])
    table = _answer(chunks.Chunk(entries, {"failed": "why"}), layout)
    found = _chunk(table, layout, left)
    assert found is not None
    assert list(left) == ["later"]
    assert found.failed == {"failed": "why"}
    assert _chunk(table, layout, left) is None  # a second answer changes nothing
    store = MemoryStore(dtype=dtype)
    for some in (entries, found.entries):
        store.put({token_key("x", text, dtype): quantise(entry, dtype) for text, entry in some.items()})
        for text, entry in zip(texts, store.get([token_key("x", t, dtype) for t in texts]), strict=True):
            expected = quantise(entries[text], dtype)
            assert entry is not None
            for name in ("vectors", "offsets", "pooled", "segments"):
                assert torch.equal(getattr(entry, name), getattr(expected, name)), (text, name)
