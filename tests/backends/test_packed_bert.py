"""The packed BERT against transformers' own module in float32, which reads one text at a time."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from compositional_rerank.backends.cpu import has_fast_bfloat16
from compositional_rerank.backends.packed_bert import PackedBert
from compositional_rerank.checkpoints.config import VERIFIER_FILE
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.verification.cross_encoder import CheckpointVerifier, _Network

NOISE = 0.06  # of one answer in bfloat16, where the logistic curve is steep
CPU = torch.device("cpu")
needs_bfloat16 = pytest.mark.skipif(not has_fast_bfloat16(CPU), reason="this CPU has no fast bfloat16")


@pytest.fixture(scope="module")
def model() -> BertModel:
    """Three layers of odd sizes and 5 heads, with every bias and norm in play."""
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=97,
        hidden_size=80,
        num_hidden_layers=3,
        num_attention_heads=5,
        intermediate_size=112,
        max_position_embeddings=40,
        type_vocab_size=3,
        initializer_range=0.1,
    )
    model = BertModel(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.add_(torch.randn_like(parameter) * 0.1)
            assert "bias" in name or "LayerNorm" in name
    return model


@needs_bfloat16
@pytest.mark.parametrize(
    "lengths", [[1], [17], [40], [16, 16], [3, 40, 1], [40, 2, 31, 31, 16, 5, 1], list(range(1, 41))]
)
def test_it_reads_as_the_module_does_one_text_at_a_time(model: BertModel, lengths: list[int]) -> None:
    draw = torch.Generator().manual_seed(len(lengths))
    ids = torch.randint(0, 97, (sum(lengths),), generator=draw)
    types = torch.randint(0, 3, (sum(lengths),), generator=draw)
    found = PackedBert(model)(ids, types, lengths)
    expected = torch.cat(
        [
            model(input_ids=one.unsqueeze(0), token_type_ids=its.unsqueeze(0)).last_hidden_state[0]
            for one, its in zip(ids.split(lengths), types.split(lengths), strict=True)
        ]
    )
    assert (found.shape, found.dtype) == (expected.shape, torch.bfloat16)
    cosines = torch.nn.functional.cosine_similarity(found.float(), expected)
    assert float(cosines.min()) > 0.999
    assert float((found.float() - expected).abs().max()) < 0.15  # of values up to 3, in 8 bits


@needs_bfloat16
def test_the_model_is_left_as_it_was(model: BertModel) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    PackedBert(model)(torch.tensor([1, 2]), torch.tensor([0, 0]), [2])
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"is_decoder": True}, {"model_type": "roberta"}])
def test_another_kind_of_model_does_not_fit(model: BertModel, change: dict[str, object]) -> None:
    assert PackedBert.fits(model)
    other = BertConfig.from_dict(model.config.to_dict())
    for name, value in change.items():
        setattr(other, name, value)
    stand_in = torch.nn.Module()
    stand_in.config = other
    assert not PackedBert.fits(stand_in)


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_the_shipped_verifier_answers_as_its_float32_network(
    backend: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ragged lengths, one pair and many, and pairs that fill the window; also as what is no BERT."""
    if not fits:
        monkeypatch.setattr(PackedBert, "fits", lambda model: False)
    if backend == "openvino":
        pytest.importorskip("openvino", reason="the extra compositional-rerank[openvino] is not installed")
    start = locate(None)
    assert start.config is not None
    assert start.folder is not None
    verifier = CheckpointVerifier(
        start.base, start.folder / VERIFIER_FILE, start.config.verifier, CPU, backend
    )
    network = _Network(start.base, start.folder / VERIFIER_FILE)
    pairs = [
        ("Rome is closer than Paris", "Paris is closer than Rome."),
        ("Who wrote Faust?", "Goethe wrote Faust."),
        ("tax", ""),
        ("The drug is safe for children", "The drug is not safe for children, said the ministry on Monday."),
        ("The train leaves at nine. " * 20, "The train to the north leaves at ten. " * 60),
        ("Rome is large", "no " * 400),
    ]
    logits = []
    for first, second in pairs:
        encoding = verifier._reader._tokenizer.encode(first, second)
        rows = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        logits.append(network(*(torch.tensor([row]) for row in rows)))
    lengths = [len(verifier._reader._tokenizer.encode(*pair).ids) for pair in pairs]
    assert max(lengths) == start.config.verifier.max_tokens
    expected = verifier.config.calibration.probabilities(torch.cat(logits), ["statement"] * len(pairs))
    alone = torch.cat([verifier.probabilities([pair], ["statement"]) for pair in pairs])
    for found in (verifier.probabilities(pairs, ["statement"] * len(pairs)), alone):
        torch.testing.assert_close(found, expected, atol=NOISE, rtol=0)
        assert float((found - expected).abs().mean()) < 0.015
