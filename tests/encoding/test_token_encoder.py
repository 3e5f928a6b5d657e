from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositional_rerank import TokenEncoder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.encoding.windows import batches_of, windows_of
from compositional_rerank.errors import CheckpointError

LONG = "The harbour opened in 1887 and closed again because nobody could pay for the new lighthouse. " * 40


@given(st.integers(0, 2000), st.integers(1, 300))
def test_windows_own_every_token_exactly_once(tokens: int, size: int) -> None:
    windows = windows_of(7, list(range(tokens)), size)
    owned = []
    for window in windows:
        first, last = window.keep
        assert 0 <= first < last <= len(window.ids) <= size
        assert window.ids == list(range(window.start, window.start + len(window.ids)))
        owned += window.ids[first:last]
    assert owned == list(range(tokens))
    for left, right in itertools.pairwise(windows):
        assert left.start + len(left.ids) - right.start == size // 4


@given(st.lists(st.integers(1, 300), max_size=60))
def test_batches_keep_the_order_and_the_limit(lengths: list[int]) -> None:
    lengths.sort(reverse=True)
    windows = [windows_of(index, [0] * length, 300)[0] for index, length in enumerate(lengths)]
    batches = batches_of(windows, extra=2, most=4096)
    assert [window for batch in batches for window in batch] == windows
    assert all(len(batch) * (len(batch[0].ids) + 2) <= 4096 for batch in batches)


def forward(encoder: TokenEncoder, ids: list[int]) -> torch.Tensor:
    """The model's normalised vectors of ``[CLS] ids [SEP]``, without the two."""
    row = torch.tensor([[101, *ids, 102]])
    with torch.inference_mode():
        out = encoder.transformer({"input_ids": row, "attention_mask": torch.ones_like(row)})
    return torch.nn.functional.normalize(out["token_embeddings"][0, 1:-1], dim=-1)


def token_ids(encoder: TokenEncoder, text: str) -> list[int]:
    return list(encoder.transformer.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


def test_short_texts_get_the_models_own_vectors(encoder: TokenEncoder) -> None:
    texts = ["Rome is closer than Paris", "", "naïve café 😀", "a"]
    for text, encoded in zip(texts, encoder.encode(texts, task="document"), strict=True):
        ids = token_ids(encoder, text)
        assert encoded.vectors.shape == (len(ids), encoder.dimension)
        assert encoded.vectors.dtype == torch.float32
        if ids:
            torch.testing.assert_close(encoded.vectors, forward(encoder, ids), atol=1e-5, rtol=0)
            torch.testing.assert_close(encoded.vectors.norm(dim=1), torch.ones(len(ids)))


def test_a_long_text_is_read_in_overlappingwindows_of(encoder: TokenEncoder) -> None:
    ids = token_ids(encoder, LONG)
    size = encoder.max_tokens - 2
    assert len(ids) > 2 * size
    encoded = encoder.encode([LONG], task="document")[0]
    assert len(encoded.vectors) == len(ids)
    step, half = size - size // 4, size // 4 // 2
    for number, start in enumerate(range(0, len(ids) - size // 4, step)):
        vectors = forward(encoder, ids[start : start + size])
        first = 0 if number == 0 else half
        last = len(vectors) if start + size >= len(ids) else step + half
        found = encoded.vectors[start + first : start + last]
        torch.testing.assert_close(found, vectors[first:last], atol=1e-5, rtol=0)


def test_a_hundred_thousand_characters(encoder: TokenEncoder) -> None:
    text = (LONG * 40)[:100_000]
    encoded = encoder.encode([text], task="document")[0]
    assert len(encoded.vectors) == len(token_ids(encoder, text))
    torch.testing.assert_close(encoded.vectors.norm(dim=1), torch.ones(len(encoded.vectors)))


def test_batches_do_not_show(encoder: TokenEncoder) -> None:
    texts = [f"word {'more ' * (index * 7 % 50)}" for index in range(30)]
    for text, encoded in zip(texts, encoder.encode(texts, task="document"), strict=True):
        alone = encoder.encode([text], task="document")[0]
        torch.testing.assert_close(encoded.vectors, alone.vectors, atol=1e-5, rtol=0)


def test_offsets_point_into_the_text(encoder: TokenEncoder) -> None:
    text = "Café \ud800 naïve 😀 Rome"
    encoded = encoder.encode([text], task="document")[0]
    pieces = [text[start:stop] for start, stop in encoded.offsets.tolist()]
    assert pieces[0] == "Café"
    assert pieces[-1] == "Rome"
    assert encoded.offsets.dtype == torch.int32


def test_lone_surrogates_are_read_as_unknown_characters(encoder: TokenEncoder) -> None:
    left, right = encoder.encode(["Rome \ud83d fell", "Rome \ufffd fell"], task="query")
    assert torch.equal(left.vectors, right.vectors)
    assert torch.equal(left.offsets, right.offsets)


def test_blank_texts_have_no_tokens(encoder: TokenEncoder) -> None:
    for encoded in encoder.encode(["", " \n\t", "\u200b"], task="document"):
        assert encoded.vectors.shape == (0, encoder.dimension)
        assert encoded.offsets.shape == (0, 2)
    assert encoder.encode([], task="query") == []


def test_no_gradient_is_kept(encoder: TokenEncoder) -> None:
    vectors = encoder.encode(["Rome"], task="query")[0].vectors
    assert not vectors.requires_grad
    assert not vectors.is_inference()  # so that callers can train on them


def test_eight_threads_get_what_one_gets(encoder: TokenEncoder) -> None:
    texts = [f"text {'with some words ' * (index % 5)}" for index in range(10)]
    alone = encoder.encode(texts, task="document")

    def work(shift: int) -> list[torch.Tensor]:
        order = [(index + shift) % len(texts) for index in range(len(texts))]
        encoded = encoder.encode([texts[index] for index in order], task="document")
        return [encoded[order.index(index)].vectors for index in range(len(texts))]

    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(work, range(8)):
            for found, expected in zip(vectors, alone, strict=True):
                torch.testing.assert_close(found, expected.vectors, atol=1e-5, rtol=0)


def test_prompts_are_context_and_are_not_scored(linked_model: Path, encoder: TokenEncoder) -> None:
    config = linked_model / "config_sentence_transformers.json"
    config.unlink(missing_ok=True)
    config.write_text('{"prompts": {"query": "search for: ", "passage": "text: "}}')
    prompted = TokenEncoder(resolve(str(linked_model)), device="cpu")
    assert prompted.fingerprint != encoder.fingerprint
    ids = token_ids(encoder, "Rome fell")
    for task, prompt in (("query", "search for: "), ("document", "text: ")):
        encoded = prompted.encode(["Rome fell"], task=task)[0]  # type: ignore[arg-type]
        before = token_ids(encoder, prompt)
        expected = forward(encoder, [*before, *ids])[len(before) :]
        torch.testing.assert_close(encoded.vectors, expected, atol=1e-5, rtol=0)
    long = prompted.encode([LONG], task="document")[0]
    assert len(long.vectors) == len(token_ids(encoder, LONG))


def test_a_prompt_that_fills_the_window_is_an_error(linked_model: Path) -> None:
    config = linked_model / "config_sentence_transformers.json"
    config.unlink(missing_ok=True)
    config.write_text('{"prompts": {"query": "%s"}}' % ("long " * 300))
    prompted = TokenEncoder(resolve(str(linked_model)), device="cpu")
    with pytest.raises(CheckpointError, match="query prompt has 300 tokens"):
        prompted.encode(["Rome"], task="query")


def test_the_checkpoints_own_window_is_kept(encoder: TokenEncoder) -> None:
    assert encoder.max_tokens == 256
    assert encoder.dimension == 384


def test_the_fingerprint_is_the_same_for_the_same_model(encoder: TokenEncoder) -> None:
    assert TokenEncoder(resolve(DEFAULT_BASE), device="cpu").fingerprint == encoder.fingerprint


def test_damaged_weights_are_an_error(linked_model: Path) -> None:
    weights = linked_model / "model.safetensors"
    content = weights.read_bytes()[:4096]  # cut short
    weights.unlink()
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be loaded as a text encoder"):
        TokenEncoder(resolve(str(linked_model)))
