"""The plain BERT against transformers' own, to the bit, and which models it leaves to transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from compositional_rerank.backends.bert import Bert, PlainBert
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.encoding.modules import load_modules

LENGTHS = [[1], [3], [40], [5, 2], [40, 40, 40], [17, 31, 2, 40], [64, 64]]


def batch(lengths: list[int], words: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, mask and token types of texts of these lengths."""
    draw = torch.Generator().manual_seed(sum(lengths))
    shape = len(lengths), max(lengths)
    mask = torch.arange(shape[1]) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(0, words, shape, generator=draw)
    return ids, mask.long(), torch.randint(0, 2, shape, generator=draw)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_it_gives_the_bits_of_transformers(lengths: list[int]) -> None:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=97,
        hidden_size=80,
        num_hidden_layers=3,
        num_attention_heads=5,
        intermediate_size=112,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    own = BertModel(config).eval().requires_grad_(False)
    for parameter in own.parameters():
        if parameter.dim() == 1:
            parameter.add_(torch.randn_like(parameter) * 0.1)
    plain = Bert(config.to_dict(), own.state_dict()).eval()
    left = own.state_dict().keys() - plain.state_dict().keys()
    assert left == {"pooler.dense.weight", "pooler.dense.bias"}
    ids, mask, types = batch(lengths, 97)
    with torch.inference_mode():
        for given_types in (None, types):
            expected = own(input_ids=ids, attention_mask=mask, token_type_ids=given_types).last_hidden_state
            assert torch.equal(plain(ids, mask, given_types), expected)


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any]:
    """The base model of the shipped checkpoint, in both ways."""
    files = resolve(DEFAULT_BASE)
    plain, own = load_modules(files).transformer, load_modules(files, plain=False).transformer
    for (
        parameter
    ) in own.parameters():  # transformers leaves them where the file has them in memory, and the last
        parameter.data = parameter.data.clone()  # bit of a product with one row depends on where that begins
    return plain, own


@pytest.mark.parametrize("lengths", LENGTHS)
def test_the_base_model_is_the_same_to_the_bit(loaded: tuple[Any, Any], lengths: list[int]) -> None:
    plain, own = loaded
    assert type(plain).__module__.startswith("compositional_rerank.")
    ids, mask, _ = batch(lengths, 30522)
    with torch.inference_mode():
        found, expected = (one({"input_ids": ids, "attention_mask": mask}) for one in loaded)
    assert torch.equal(found["token_embeddings"], expected["token_embeddings"])
    assert plain.max_seq_length == own.max_seq_length
    assert plain.tokenizer.pad_token_id == own.tokenizer.pad_token_id
    assert plain.get_embedding_dimension() == own.get_embedding_dimension()


@given(st.text(), st.text())
def test_the_tokenizer_is_the_same(loaded: tuple[Any, Any], first: str, second: str) -> None:
    found, expected = (Tokenizer.from_str(one.tokenizer.backend_tokenizer.to_str()) for one in loaded)
    for tokenizer in (found, expected):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    texts = [text.encode(errors="replace").decode() for text in (first, second)]
    for ask in (texts[:1], texts):
        one, other = found.encode(*ask), expected.encode(*ask)
        assert (one.ids, one.type_ids, one.offsets) == (other.ids, other.type_ids, other.offsets)


def edit(file: str, **changes: Any) -> Callable[[Path], None]:
    """Change a model's JSON file; None takes a field away."""

    def change(folder: Path) -> None:
        told = {**json.loads((folder / file).read_text()), **changes}
        (folder / file).unlink()
        (folder / file).write_text(json.dumps({key: one for key, one in told.items() if one is not None}))

    return change


def without_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights.pop("encoder.layer.0.output.dense.weight")
    (folder / "model.safetensors").unlink()
    save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        edit("config.json", model_type="roberta"),
        edit("config.json", hidden_act="relu"),
        edit("config.json", position_embedding_type="relative_key"),
        edit("config.json", is_decoder=True),
        edit("config.json", hidden_size=None),
        edit("config.json", vocab_size=30000),
        edit("tokenizer_config.json", do_lower_case=False),
        edit("tokenizer_config.json", tokenizer_class="RobertaTokenizer"),
        edit("tokenizer_config.json", model_input_names=["input_ids"]),
        edit("sentence_bert_config.json", do_lower_case=True),
        edit("sentence_bert_config.json", max_seq_length=None),
        edit("tokenizer.json", normalizer=None),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "modules.json").unlink(),
        without_a_weight,
    ],
)
def test_other_models_are_left_to_transformers(linked_model: Path, change: Callable[[Path], None]) -> None:
    assert PlainBert.find(linked_model) is not None
    change(linked_model)
    assert PlainBert.find(linked_model) is None


def test_a_query_is_ranked_without_transformers() -> None:
    code = (
        "import sys; from compositional_rerank import CompositionalReranker\n"
        "ranking = CompositionalReranker(device='cpu').rerank('Is it late?', ['It is late.'])\n"
        "assert ranking[0].mismatch is not None\n"
        "heavy = {'transformers', 'sentence_transformers', 'sklearn', 'scipy', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
