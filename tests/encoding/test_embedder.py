from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from compositional_rerank import StructuralEmbedder
from compositional_rerank.errors import CheckpointError, InputError, ModelNotFoundError

TEXTS = [
    "Rome is closer than Paris",
    "",
    "a red cup on a blue plate " * 30,
    "日本語 😀",
    "The drug is not safe for children",
    " leading space",
    "\x00",
]


@pytest.fixture(scope="module")
def base(base_folder: Path) -> SentenceTransformer:
    """The base model itself, loaded without any of our code."""
    return SentenceTransformer(str(base_folder), device="cpu")


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_sensitivity_zero_is_the_base_model_byte_for_byte(
    embedder: StructuralEmbedder, base: SentenceTransformer, count: int, batch_size: int
) -> None:
    texts = TEXTS[-count:]
    expected = base.encode(texts, batch_size=batch_size, normalize_embeddings=True)
    for encode in (embedder.encode_query, embedder.encode_document):
        vectors = encode(texts, batch_size=batch_size)
        assert vectors.dtype == np.float32
        assert vectors.shape == (count, embedder.dimension)
        assert vectors.tobytes() == expected.tobytes()


def test_prompts_of_the_checkpoint_are_read(linked_model: Path, base: SentenceTransformer) -> None:
    config = linked_model / "config_sentence_transformers.json"
    config.unlink(missing_ok=True)
    config.write_text('{"prompts": {"query": "query: ", "document": "passage: "}}')
    embedder = StructuralEmbedder.from_pretrained(str(linked_model), device="cpu")
    for prompt, encode in (("query: ", embedder.encode_query), ("passage: ", embedder.encode_document)):
        expected = base.encode([prompt + "Rome"], normalize_embeddings=True)
        assert encode(["Rome"]).tobytes() == expected.tobytes()


def test_no_texts(embedder: StructuralEmbedder) -> None:
    assert embedder.encode_query([]).shape == (0, embedder.dimension)


def test_lone_surrogates_are_read_as_unknown_characters(embedder: StructuralEmbedder) -> None:
    # one text a call: with several threads, equal rows of one batch may differ in their last bits
    found, expected = (embedder.encode_document([text]) for text in ("Rome \ud800", "Rome \ufffd"))
    assert found.tobytes() == expected.tobytes()


def test_eight_threads_get_what_one_gets(embedder: StructuralEmbedder) -> None:
    texts = [["word " * (1 + index * 5)] for index in range(16)]
    alone = [embedder.encode_document(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(embedder.encode_document, texts))
    assert all(np.array_equal(left, right) for left, right in zip(alone, together, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.encode_query("one text"), "queries must be a list of str"),
        (lambda e: e.encode_query(["a", None]), r"queries\[1\] must be a str"),
        (lambda e: e.encode_document([b"a"]), r"documents\[0\] must be a str, got bytes"),
        (lambda e: e.encode_document(None), "documents must be a list of str, got NoneType"),
        (lambda e: e.encode_document(["a"], batch_size=0), "batch_size must be at least 1, got 0"),
        (lambda e: e.encode_document(["a"], batch_size=True), "batch_size must be an int"),
        (lambda e: e.encode_document(["a"], batch_size=None), "batch_size is None"),
    ],
)
def test_bad_input_is_named(
    embedder: StructuralEmbedder, call: Callable[[StructuralEmbedder], Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        call(embedder)


@pytest.mark.parametrize("sensitivity", [-0.1, 1.5, float("nan"), "1", True])
def test_a_sensitivity_out_of_range_is_an_error(sensitivity: Any) -> None:
    with pytest.raises(InputError, match="sensitivity must be"):
        StructuralEmbedder.from_pretrained(sensitivity=sensitivity)


def test_a_model_without_a_structural_part_has_no_sensitivity(base_folder: Path) -> None:
    with pytest.raises(InputError, match="pass sensitivity=0"):
        StructuralEmbedder.from_pretrained(str(base_folder), sensitivity=0.5)


def test_the_structural_part_comes_in_dimensions_of_its_own(
    structural_folder: Path, base: SentenceTransformer
) -> None:
    full = StructuralEmbedder.from_pretrained(str(structural_folder), device="cpu", sensitivity=1)
    half = StructuralEmbedder.from_pretrained(str(structural_folder), device="cpu", sensitivity=None)
    assert (half.sensitivity, half.dimension, half.name) == (0.5, 392, str(structural_folder))
    for texts, role in ((TEXTS, "encode_query"), (TEXTS[:2], "encode_document")):
        vectors, most = getattr(half, role)(texts), getattr(full, role)(texts)
        assert (vectors.dtype, vectors.shape) == (np.float32, (len(texts), 392))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        # the direction is the base's, and the part counts half as much as at sensitivity 1
        expected = base.encode(texts, normalize_embeddings=True)
        length = np.linalg.norm(vectors[:, :384], axis=1, keepdims=True)
        np.testing.assert_allclose(vectors[:, :384] / length, expected, atol=1e-5)
        ratio = np.linalg.norm(most[:, :384], axis=1, keepdims=True)
        np.testing.assert_allclose(vectors[:, 384:] / length, most[:, 384:] / ratio / 2, atol=1e-5)
        short = [place for place, text in enumerate(texts) if len(text) < 100]
        assert (np.abs(vectors[short, 384:]).max(axis=1) > 0.01).all()
    assert half.encode_query([]).shape == (0, 392)


@pytest.mark.parametrize("folder", ["structural_folder", None])
def test_a_checkpoint_at_sensitivity_zero_is_the_base_model_byte_for_byte(
    folder: str | None, base: SentenceTransformer, request: pytest.FixtureRequest
) -> None:
    name = None if folder is None else str(request.getfixturevalue(folder))
    embedder = StructuralEmbedder.from_pretrained(name, device="cpu")
    assert embedder.dimension == 384
    expected = base.encode(TEXTS, batch_size=32, normalize_embeddings=True)
    assert embedder.encode_document(TEXTS).tobytes() == expected.tobytes()


def test_the_fingerprint_covers_what_the_vectors_depend_on(structural_folder: Path) -> None:
    found = [
        StructuralEmbedder.from_pretrained(str(structural_folder), device="cpu", sensitivity=s).fingerprint
        for s in (0.0, 0.25, 0.5, 0.5)
    ]
    assert len(set(found)) == 3
    assert found[2] == found[3]
    plain = StructuralEmbedder.from_pretrained("all-MiniLM-L6-v2", device="cpu")
    assert found[0] == plain.fingerprint


def test_prompts_are_read_by_both_parts(structural_folder: Path, linked_model: Path, tmp_path: Path) -> None:
    config = linked_model / "config_sentence_transformers.json"
    config.unlink(missing_ok=True)
    config.write_text('{"prompts": {"query": "query: ", "document": "passage: "}}')
    folder = Path(shutil.copytree(structural_folder, tmp_path / "copy"))
    raw = json.loads((folder / "config.json").read_text())
    raw["base"]["name"] = str(linked_model)
    (folder / "config.json").write_text(json.dumps(raw))
    prompted = StructuralEmbedder.from_pretrained(str(folder), device="cpu", sensitivity=0.5)
    plain = StructuralEmbedder.from_pretrained(str(structural_folder), device="cpu", sensitivity=0.5)
    np.testing.assert_allclose(
        prompted.encode_query(["Rome"]), plain.encode_query(["query: Rome"]), atol=1e-6
    )
    np.testing.assert_allclose(
        prompted.encode_document(["Rome"]), plain.encode_document(["passage: Rome"]), atol=1e-6
    )


def test_long_passages_keep_the_vectors_of_the_base_model(
    structural_folder: Path, base: SentenceTransformer
) -> None:
    embedder = StructuralEmbedder.from_pretrained(str(structural_folder), device="cpu", sensitivity=0.75)
    passages = [f"{subject} " * 40 for subject in ("Rome is old.", "Dogs bark.", "Sugar is sweet.")]
    expected = base.encode(passages, normalize_embeddings=True)
    # in one batch with a short text, and 30 tokens and two special ones are still short
    documents = embedder.encode_document([*passages, "Rome", "x " * 30, "x " * 31])
    np.testing.assert_allclose(documents[:3, :384], expected, atol=1e-6)
    assert [bool(row.any()) for row in documents[:, 384:]] == [False, False, False, True, True, False]
    for query in ("Is Rome old?", "Why do dogs bark? " * 20):
        cosines = base.encode([query], normalize_embeddings=True) @ expected.T
        found = embedder.encode_query([query]) @ documents[:3].T
        np.testing.assert_allclose(found / found.max(), cosines / cosines.max(), atol=1e-5)


def test_there_is_one_forward_pass(structural_folder: Path) -> None:
    embedder = StructuralEmbedder.from_pretrained(str(structural_folder), device="cpu", sensitivity=0.5)
    passes: list[int] = []
    layer = embedder.model[0].auto_model.encoder.layer[0]
    hook = layer.register_forward_pre_hook(lambda module, inputs: passes.append(len(inputs[0])))
    embedder.encode_document(["Rome", "Paris"])
    hook.remove()
    assert passes == [2]


def test_a_base_model_recommends_no_sensitivity() -> None:
    assert StructuralEmbedder.from_pretrained("all-MiniLM-L6-v2", sensitivity=None).sensitivity == 0


def test_an_unknown_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="no/such-model"):
        StructuralEmbedder.from_pretrained("no/such-model")


def test_damaged_weights_are_an_error(linked_model: Path) -> None:
    weights = linked_model / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        StructuralEmbedder.from_pretrained(str(linked_model))
