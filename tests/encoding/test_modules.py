"""Encoders of other kinds than the base model: late interaction, other pooling, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from sentence_transformers import MultiVectorEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

from compositional_rerank import CompositionalReranker, TokenEncoder
from compositional_rerank.checkpoints.base_models import resolve
from compositional_rerank.encoding.base import Task
from compositional_rerank.errors import CheckpointError

WORDS = "rome paris is closer than the a drug safe for children not , . ? who wrote faust goethe".split()
VOCABULARY = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[Q]", "[D]", *WORDS]
SMALL = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
TEXTS = ["Rome is closer than Paris.", "The drug, is not safe for children.", "Who wrote Faust?"]


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A BERT of two small random layers."""
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    torch.manual_seed(3)
    BertModel(BertConfig(**SMALL)).save_pretrained(folder)
    markers = {"additional_special_tokens": ["[Q]", "[D]"]}
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=64, **markers).save_pretrained(folder)
    return folder


def late(bert: Path, *, skipped: list[str] = (), **settings: object) -> MultiVectorEncoder:  # type: ignore[assignment]
    torch.manual_seed(4)
    modules = [
        Transformer(str(bert), **settings),  # type: ignore[arg-type]
        Dense(32, 16, bias=True, activation_function=torch.nn.Tanh(), module_input_name="token_embeddings"),
        MultiVectorMask(skiplist_words=list(skipped)),
        Normalize(module_input_name="token_embeddings"),
    ]
    return MultiVectorEncoder(modules=modules, device="cpu", prompts={"query": "[Q] ", "document": "[D] "})


def saved(model: MultiVectorEncoder | SentenceTransformer, folder: Path) -> Path:
    model.save(str(folder))
    return folder


def own_vectors(model: MultiVectorEncoder, text: str, task: Task) -> torch.Tensor:
    """What the library itself makes of a text, in order, special tokens and markers included."""
    encode = model.encode_query if task == "query" else model.encode_document
    return encode([text], normalize_embeddings=False)[0]


@pytest.mark.parametrize("task", ["query", "document"])
def test_projection_and_markers_of_a_late_interaction_model_count(
    bert: Path, tmp_path: Path, task: Task
) -> None:
    model = late(bert, skipped=[",", "."])
    folder = saved(model, tmp_path / "late")
    encoder = TokenEncoder(resolve(folder), "cpu")
    assert (encoder.dimension, encoder.pooling) == (16, None)
    for text, encoded in zip(TEXTS, encoder.encode(TEXTS, task=task), strict=True):
        expected = own_vectors(model, text, task)
        before, after = 2, 1  # [CLS] and the marker, [SEP]
        torch.testing.assert_close(encoded.vectors, expected[before:-after], atol=1e-5, rtol=0)
        words = [text[start:stop] for start, stop in encoded.offsets.tolist()]
        assert ("," in words or "." in words) == (task == "query" and text != TEXTS[2])
        assert int(encoded.segments[-1, 3]) == len(encoded.vectors)


def test_a_text_of_skipped_tokens_alone_keeps_them(bert: Path, tmp_path: Path) -> None:
    encoder = TokenEncoder(resolve(saved(late(bert, skipped=[","]), tmp_path / "late")), "cpu")
    assert len(encoder.encode([", ,"], task="document")[0].vectors) == 2


def test_tokens_that_a_query_is_filled_up_with_are_seen_and_not_scored(bert: Path, tmp_path: Path) -> None:
    model = late(bert, query_expansion={"strategy": "fixed", "attend": True, "length": 24})
    encoder = TokenEncoder(resolve(saved(model, tmp_path / "late")), "cpu")
    encoded = encoder.encode(TEXTS[:1], task="query")[0]
    expected = own_vectors(model, TEXTS[0], "query")
    assert (len(expected), len(encoded.vectors)) == (24, 6)
    torch.testing.assert_close(encoded.vectors, expected[2:8], atol=1e-5, rtol=0)


def test_colberts_own_format(bert: Path, tmp_path: Path) -> None:
    """One file of weights with the projection in it, and markers that no text can spell."""
    from safetensors.torch import load_file, save_file

    weights = load_file(bert / "model.safetensors")
    torch.manual_seed(5)
    linear = torch.randn(16, 32)
    named = {f"bert.{name}": tensor for name, tensor in weights.items()} | {"linear.weight": linear}
    save_file(named, bert / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps({**config, "architectures": ["HF_ColBERT"]}))
    (bert / "artifact.metadata").write_text('{"query_token_id": "[unused0]", "doc_token_id": "[unused1]"}')
    encoder = TokenEncoder(resolve(bert), "cpu")
    query, document = (encoder.encode(["Rome"], task=task)[0].vectors for task in ("query", "document"))
    assert query.shape == document.shape == (1, 16)
    assert not torch.allclose(query, document, atol=1e-3)
    row = torch.tensor([[VOCABULARY.index(word) for word in ("[CLS]", "[unused0]", "rome", "[SEP]")]])
    with torch.inference_mode():
        hidden = encoder.transformer({"input_ids": row, "attention_mask": torch.ones_like(row)})
    expected = torch.nn.functional.normalize(hidden["token_embeddings"][0, 2:3] @ linear.T, dim=-1)
    torch.testing.assert_close(query, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("mode", "pooling"), [("mean", "mean"), ("cls", "cls"), ("max", None)])
def test_the_pooled_vector_is_made_as_the_model_makes_it(
    bert: Path, tmp_path: Path, mode: str, pooling: str | None
) -> None:
    modules = [Transformer(str(bert)), Pooling(32, pooling_mode=mode)]  # type: ignore[arg-type]
    model = SentenceTransformer(modules=modules, device="cpu")
    encoder = TokenEncoder(resolve(saved(model, tmp_path / mode)), "cpu")
    assert encoder.pooling == pooling
    if pooling is not None:
        expected = model.encode(TEXTS, normalize_embeddings=True, convert_to_tensor=True)
        found = torch.stack([one.pooled for one in encoder.encode(TEXTS, task="document")])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_dense_layer_behind_pooling_makes_the_pooled_vector_another(bert: Path, tmp_path: Path) -> None:
    modules = [Transformer(str(bert)), Pooling(32), Dense(32, 8)]
    folder = saved(SentenceTransformer(modules=modules, device="cpu"), tmp_path / "dense")
    encoder = TokenEncoder(resolve(folder), "cpu")
    assert (encoder.pooling, encoder.dimension) == (None, 32)


def test_what_is_done_with_token_vectors_is_understood_or_refused(bert: Path, tmp_path: Path) -> None:
    model = late(bert)
    model[2].keep_only_token_ids = [9]
    with pytest.raises(CheckpointError, match="has the module MultiVectorMask, and what"):
        TokenEncoder(resolve(saved(model, tmp_path / "late")), "cpu")
    config = json.loads((bert / "config.json").read_text())
    (bert / "config_sentence_transformers.json").write_text('{"model_type": "SparseEncoder"}')
    with pytest.raises(CheckpointError, match="is a SparseEncoder; an encoder is a SentenceTransformer or"):
        TokenEncoder(resolve(bert), "cpu")
    assert config["hidden_size"] == 32


def test_a_cross_encoder_is_no_encoder(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cross"
    BertForSequenceClassification(BertConfig(**SMALL)).save_pretrained(folder)
    BertTokenizer(str(bert / "vocab.txt")).save_pretrained(folder)
    with pytest.raises(
        CheckpointError, match=r"is a cross-encoder, which reads two texts together.*verifier="
    ):
        CompositionalReranker.from_pretrained(encoder=folder, device="cpu")


def test_a_late_interaction_model_ranks_beside_the_shipped_verifier(bert: Path, tmp_path: Path) -> None:
    folder = saved(late(bert), tmp_path / "late")
    reranker = CompositionalReranker.from_pretrained(encoder=folder, device="cpu")
    assert (reranker.encoder.dimension, reranker.threshold) == (16, CompositionalReranker().threshold)
    passages = ["The drug is not safe for children.", "Paris is closer than Rome."]
    ranking = reranker.rerank("The drug is safe for children.", passages)
    found = {result.text: result for result in ranking}
    assert found[passages[0]].verdict == "denies"
    assert all(result.relevance == result.maxsim for result in ranking)
