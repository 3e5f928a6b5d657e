"""An encoder and a verifier, each by a name of its own."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import MPNetConfig, MPNetModel, MPNetTokenizer

from compositional_rerank import SHIPPED_NAME, CompositionalReranker, MemoryStore
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.checkpoints.config import VerifierConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.errors import InputError, ModelNotFoundError
from compositional_rerank.scoring.calibration import READINGS, Calibration
from compositional_rerank.scoring.fusion import Fusion

QUERY = "The drug is safe for children."
PASSAGES = ["The drug is not safe for children.", "Children can take the drug without risk.", "Keep it dry."]
VERIFIER = VerifierConfig(
    Calibration(dict.fromkeys(READINGS, (1.0, 0.0, 0.0, 0.0, 0.0))),
    max_tokens=60,
    window=40,
    windows=2,
    first=2,
    max_verified=16,
)


@pytest.fixture(scope="module")
def mpnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random MPNet: positions from 2 on, one attention bias for all layers, no token types."""
    folder = tmp_path_factory.mktemp("mpnet") / "base"
    words = sorted({word for text in (QUERY, *PASSAGES) for word in text.lower().replace(".", " .").split()})
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "[UNK]", *words, *map(str, range(100))]
    torch.manual_seed(1)
    config = MPNetConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    MPNetModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    MPNetTokenizer(str(folder / "vocab.txt"), model_max_length=60).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def large(mpnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a recipe on an MPNet base exports, with weights drawn at random in place of trained ones."""
    from compositional_rerank.training.export import export
    from compositional_rerank.training.network import build

    network = build(mpnet, max_tokens=60, device="cpu").eval()
    torch.manual_seed(2)
    for parameter in network[0].auto_model.encoder.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    torch.nn.init.normal_(network[2].linear.weight, std=0.5)
    folder = tmp_path_factory.mktemp("checkpoints") / "large"
    fusion = Fusion(least_closeness=0.5, threshold=0.5, bonus=0.1, penalty=0.2)
    base = dataclasses.replace(resolve(mpnet), name="somewhere/mpnet")
    export(network, base, folder, fusion=fusion, verifier=VERIFIER, pooled_weight=0.25, start=locate(None))
    texts = [(QUERY, passage) for passage in [*PASSAGES, " ".join(PASSAGES)]]
    logits = network.predict(texts, activation_fn=torch.nn.Identity(), convert_to_tensor=True)
    save_file({"logits": logits.float().contiguous()}, folder.with_name("expected.safetensors"))
    return folder


def test_a_larger_checkpoint_needs_its_base_and_says_so(large: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"large needs its base model.*under the name base"):
        CompositionalReranker.from_pretrained(verifier=large, device="cpu")


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_larger_checkpoint_verifies_beside_the_shipped_encoder(
    large: Path, mpnet: Path, tmp_path: Path, backend: str
) -> None:
    folder = tmp_path / "large"
    shutil.copytree(large, folder)
    (folder / "base").symlink_to(mpnet, target_is_directory=True)
    reranker = CompositionalReranker.from_pretrained(verifier=folder, device="cpu", backend=backend)
    assert reranker.encoder.dimension == 320
    assert reranker.name == f"{SHIPPED_NAME} with the verifier of {folder}"
    assert reranker.config is not None
    assert reranker.config.fusion.threshold == reranker.threshold == 0.5
    assert reranker.config.pooled_weight == pytest.approx(1 / 3), "the encoder's own mixture"
    texts = [*PASSAGES, " ".join(PASSAGES)]
    found = reranker.verifier.probabilities([(QUERY, text) for text in texts], ["statement"] * 4)  # type: ignore[union-attr]
    expected = load_file(large.with_name("expected.safetensors"))["logits"].softmax(dim=1)
    # four bits a weight, and bfloat16; padded pairs and unpadded ones get the same positions
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0)
    assert float((found.amax(dim=0) - found.amin(dim=0)).max()) > 0.15
    assert {result.closeness is None for result in reranker.rerank(QUERY, PASSAGES)} <= {True, False}


def test_another_base_takes_over_no_projection(large: Path) -> None:
    assert sorted(path.name for path in large.iterdir()) == ["config.json", "verifier.safetensors"]


def test_the_shipped_verifier_beside_another_encoder(mpnet: Path) -> None:
    reranker = CompositionalReranker.from_pretrained(encoder=mpnet, device="cpu")
    shipped = CompositionalReranker.from_pretrained(device="cpu")
    assert (reranker.encoder.dimension, reranker.threshold) == (64, shipped.threshold)
    assert reranker.fingerprint != shipped.fingerprint
    for one, other in zip(reranker.verify(QUERY, PASSAGES), shipped.verify(QUERY, PASSAGES), strict=True):
        # how close a passage is, on the shipped encoder's scale, is no encoder's but its own
        assert replace(one, mismatch=None) == replace(other, mismatch=None)


def test_no_encoder_keeps_the_order_but_for_near_misses() -> None:
    reranker = CompositionalReranker.from_pretrained(encoder="none", device="cpu")
    passages = [PASSAGES[1], PASSAGES[0], PASSAGES[2]]
    ranking = reranker.rerank(QUERY, passages)
    assert [result.index for result in ranking] == [0, 2, 1]
    assert [result.verdict for result in ranking] == ["supports", None, "denies"]
    kept = reranker.rerank(QUERY, passages, retrieval_scores=[0.9, 0.8, 0.1])
    assert [result.score for result in kept][:2] == pytest.approx([0.9, 0.1])
    with pytest.raises(
        InputError, match="order 'relevance' needs a relevance, and encoder='none' makes none"
    ):
        reranker.rerank(QUERY, passages, order="relevance")


def test_vectors_of_somebody_elses_store_rank() -> None:
    reranker = CompositionalReranker.from_pretrained(encoder="none", device="cpu")
    vectors = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    for query_vector, given in (([0.0, 2.0], vectors), ([[0.0, 2.0]], [[one] for one in vectors])):
        ranking = reranker.rerank(
            QUERY, PASSAGES, query_vector=query_vector, vectors=given, order="relevance"
        )
        assert [result.index for result in ranking] == [1, 2, 0]
        assert [result.relevance for result in ranking] == pytest.approx([1.0, 0.5**0.5, 0.0])
        assert ranking[2].verdict == "denies"
        plain = reranker.rerank(QUERY, PASSAGES, order="retriever")
        assert {one.index: one.maxsim for one in ranking} == {one.index: one.maxsim for one in plain}
    torch.set_default_dtype(torch.float64)
    try:
        again = reranker.rerank(QUERY, PASSAGES, query_vector=[0.0, 2.0], vectors=vectors, order="relevance")
    finally:
        torch.set_default_dtype(torch.float32)
    assert [result.relevance for result in again] == [result.relevance for result in ranking]
    with pytest.raises(InputError, match="needs a relevance"):
        reranker.score_pairs([QUERY], PASSAGES[:1])


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ({}, {"query_vector": [1.0], "vectors": [[1.0]] * 3}, "load the reranker with encoder='none'"),
        ({"encoder": "none"}, {"vectors": [[1.0]] * 3}, "query_vector is missing"),
        ({"encoder": "none"}, {"query_vector": [1.0]}, "vectors is missing"),
        ({"encoder": "none"}, {"query_vector": [1.0], "vectors": [[1.0]]}, "1 entries for 3 passages"),
        (
            {"encoder": "none"},
            {"query_vector": [1.0], "vectors": [[1.0, 2.0]] * 3},
            r"shape \[2\] and .*\[1\]",
        ),
        ({"encoder": "none"}, {"query_vector": [float("nan")], "vectors": [[1.0]] * 3}, "is not finite"),
    ],
)
def test_vectors_that_cannot_be_used(
    settings: dict[str, str], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        CompositionalReranker(device="cpu", **settings).rerank(QUERY, PASSAGES, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "a", "encoder": "b", "verifier": "c"}, "model 'a' would be used for nothing"),
        ({"encoder": " "}, "encoder is named by a str or a path"),
        ({"verifier": 3}, "verifier is named by a str or a path, got 3"),
        ({"encoder": "none", "store": MemoryStore()}, "a store keeps what an encoder makes"),
    ],
)
def test_names_that_cannot_be_used(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompositionalReranker(**settings)  # type: ignore[arg-type]


def test_a_model_without_a_verifier_says_so() -> None:
    with pytest.warns(UserWarning, match=f"{DEFAULT_BASE} has no verifier.*encoder='{DEFAULT_BASE}'.*'none'"):
        CompositionalReranker.from_pretrained(DEFAULT_BASE, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = CompositionalReranker.from_pretrained(DEFAULT_BASE, verifier="none", device="cpu")
    assert (plain.verifier, plain.threshold) == (None, None)
    unverified = CompositionalReranker.from_pretrained(verifier="none", device="cpu")
    assert unverified.fingerprint != CompositionalReranker(device="cpu").fingerprint
    assert [one.near_miss for one in unverified.rerank(QUERY, PASSAGES)] == [False] * 3
    with pytest.raises(InputError, match="has no verifier: pass verifier="):
        plain.verify(QUERY, PASSAGES)


def test_a_copy_and_a_pickle_keep_the_names() -> None:
    reranker = CompositionalReranker(encoder="none", verifier=SHIPPED_NAME, device="cpu")
    copy = pickle.loads(pickle.dumps(reranker))
    assert copy == reranker
    assert copy.settings["encoder"] == "none"
    assert copy.rerank(QUERY, PASSAGES)[0].verdict == "supports"
