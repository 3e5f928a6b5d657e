"""Cross-encoders trained on natural language inference as the verifier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.base_models import resolve
from compositional_rerank.errors import CheckpointError
from compositional_rerank.verification.nli import NliVerifier, same_words

CPU = torch.device("cpu")
LABELS = {0: "contradiction", 1: "entailment", 2: "neutral"}
WORDS = "rome paris is closer than the a drug safe for children not , . ? keep it dry".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
PAIRS = [
    ("Rome is closer than Paris.", "Paris is closer than Rome."),
    ("The drug is safe for children.", "Keep it dry."),
    ("The drug is safe for children.", "The drug is not safe for children. Keep it dry."),
]


def model(folder: Path, labels: dict[int, str] = LABELS, **settings: int) -> BertForSequenceClassification:
    """A small random classifier, saved where the verifier reads it."""
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=len(labels),
        **settings,  # type: ignore[arg-type]
    )
    config.id2label, config.label2id = labels, {name: number for number, name in labels.items()}
    network = BertForSequenceClassification(config).eval()
    for parameter in network.parameters():
        parameter.data.mul_(4)
    network.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return network


def own_answers(network: BertForSequenceClassification, folder: Path) -> torch.Tensor:
    """What transformers itself makes of the pairs: the evidence is the premise."""
    inputs = BertTokenizer.from_pretrained(folder)(
        [evidence for _, evidence in PAIRS], [query for query, _ in PAIRS], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        return network(**inputs).logits.softmax(dim=1)


@pytest.mark.parametrize(
    "names",
    [
        {0: "contradiction", 1: "entailment", 2: "neutral"},
        {0: "ENTAILMENT", 1: "NEUTRAL", 2: "CONTRADICTION"},
        {0: "Neutral", 1: "Contradiction", 2: "Entailment"},
    ],
)
def test_labels_are_read_in_the_order_of_the_model(tmp_path: Path, names: dict[int, str]) -> None:
    network = model(tmp_path, names)
    expected = own_answers(network, tmp_path)
    verifier = NliVerifier(resolve(tmp_path), CPU)
    found = verifier.probabilities(PAIRS, ["statement"] * len(PAIRS))
    order = {name.lower(): number for number, name in names.items()}
    close = {"atol": 0.03, "rtol": 0}  # bfloat16 where the processor is fast at it
    torch.testing.assert_close(found[:, 0], expected[:, order["entailment"]], **close)
    torch.testing.assert_close(found[:, 1], expected[:, order["contradiction"]], **close)
    torch.testing.assert_close(found[:, 2] + found[:, 3], expected[:, order["neutral"]], **close)
    assert float(found.std(dim=0).max()) > 0.1
    assert float(found[1, 2]) == 0, "evidence of other words is silent, and does not differ"
    assert float(found[0, 3]) < 1e-6, "evidence of the same words differs"


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, "LABEL_0, LABEL_1, LABEL_2"),
        ({0: "entailment", 1: "not_entailment"}, "entailment, not_entailment"),
        ({0: "LABEL_0"}, "LABEL_0"),
    ],
)
def test_labels_that_are_not_understood_are_named(tmp_path: Path, names: dict[int, str], shown: str) -> None:
    model(tmp_path, names)
    if len(names) != 2:  # transformers leaves its own names out
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, "id2label": names}))
    with pytest.raises(CheckpointError, match=f"has the labels: {shown}; a verifier's are entailment"):
        CompositionalReranker.from_pretrained(verifier=tmp_path, device="cpu")


def test_a_folder_of_another_kind_is_named(base_folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"is no checkpoint of this library, .* it has the labels: none"
    ):
        CompositionalReranker.from_pretrained(verifier=base_folder, device="cpu")


def test_short_models_and_those_that_read_no_types(tmp_path: Path) -> None:
    """RoBERTa numbers positions from 2 on and has one token type; a long pair loses the end of the longer."""
    model(tmp_path)
    torch.manual_seed(2)
    config = RobertaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=34,
        type_vocab_size=1,
        pad_token_id=0,
        id2label=LABELS,
    )
    RobertaForSequenceClassification(config).save_pretrained(tmp_path)
    verifier = NliVerifier(resolve(tmp_path), CPU)
    assert verifier.max_tokens == 32
    long = [("The drug is safe.", "Keep it dry. " * 40), ("Keep it dry. " * 40, "The drug is safe.")]
    assert [verifier.reads_whole(*pair) for pair in [*PAIRS[:1], *long]] == [True, False, False]
    found = verifier.probabilities(long, ["statement"] * 2)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(2))


def test_statements_get_verdicts_and_questions_none(tmp_path: Path) -> None:
    model(tmp_path)
    reranker = CompositionalReranker.from_pretrained(verifier=tmp_path, device="cpu")
    assert reranker.threshold == 0.5
    passages = [evidence for _, evidence in PAIRS]
    said = reranker.verify("The drug is safe for children.", passages)
    assert all(one.mismatch is not None for one in said)
    assert [one.mismatch for one in reranker.verify("Is the drug safe for children?", passages)] == [None] * 3
    both = reranker.same_questions(["Is it dry?", "Rome is closer."], ["Is it not dry?", "Paris is closer."])
    assert [one.support is None for one in both] == [True, False]
    checked = reranker.check("The drug is safe for children.", passages)
    assert checked[0].read == 3


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_share_of_words_is_a_share(query: str, evidence: str) -> None:
    assert 0 <= same_words(query, evidence) <= 1
    assert same_words(query, query + " " + evidence) in (0.0, 1.0)
