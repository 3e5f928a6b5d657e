"""The verifier of a real checkpoint: the same pair gives the same answer, however it is asked."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.checkpoints.config import VERIFIER_FILE, VerifierConfig
from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.calibration import READINGS, Calibration, Reading
from compositional_rerank.verification.cross_encoder import CheckpointVerifier

NOISE = 0.02  # bfloat16 adds up in another order when a batch has another shape
PAIRS = [
    ("Rome is closer than Paris", "Paris is closer than Rome."),
    ("a red cup on a blue plate", "a blue cup on a red plate"),
    ("The drug is safe for children", "The drug is not safe for children, said the ministry on Monday."),
    ("the dog bit the man", "the man was bitten by the dog"),
    ("Who wrote Faust?", "Goethe wrote Faust."),
    ("tax", "Die Steuer steigt um drei Prozent, und zwar schon ab dem nächsten Jahr. " * 2),
]
KINDS: list[Reading] = ["statement", "statement", "yes_no", "statement", "question", "same_question"]
Pairs = list[tuple[str, str]]


def answers_to(verifier: CheckpointVerifier, pairs: Pairs) -> torch.Tensor:
    return verifier.probabilities(pairs, ["statement"] * len(pairs))


@pytest.fixture
def verifier(verifying: CompositionalReranker) -> CheckpointVerifier:
    assert verifying.verifier is not None
    return verifying.verifier


def test_answers_are_probabilities_that_differ(verifier: CheckpointVerifier) -> None:
    answers = verifier.probabilities(PAIRS, KINDS)
    assert (answers.shape, answers.dtype) == ((len(PAIRS), 4), torch.float32)
    assert 0 <= float(answers.min()) < float(answers.max()) <= 1
    torch.testing.assert_close(answers.sum(dim=1), torch.ones(len(PAIRS)))
    assert float(answers.std(dim=0).max()) > 2 * NOISE


def test_it_answers_as_the_network_that_was_trained(
    verifier: CheckpointVerifier, checkpoint_network: CrossEncoder
) -> None:
    logits = checkpoint_network.predict(PAIRS, activation_fn=torch.nn.Identity(), convert_to_tensor=True)
    expected = verifier.config.calibration.probabilities(logits.float().cpu(), KINDS)
    torch.testing.assert_close(verifier.probabilities(PAIRS, KINDS), expected, atol=2 * NOISE, rtol=0)


def test_the_order_of_pairs_does_not_matter(verifier: CheckpointVerifier) -> None:
    order = list(range(len(PAIRS)))
    random.Random(1).shuffle(order)
    expected = verifier.probabilities(PAIRS, KINDS)[order]
    found = verifier.probabilities([PAIRS[place] for place in order], [KINDS[place] for place in order])
    torch.testing.assert_close(found, expected, atol=NOISE, rtol=0)


def test_company_does_not_matter(verifier: CheckpointVerifier) -> None:
    """Alone, or in several batches with pairs of other lengths."""
    alone = torch.cat([answers_to(verifier, [pair]) for pair in PAIRS])
    filler = [("yes", "no " * length) for length in range(1, 60)]
    together = answers_to(verifier, [*filler, *PAIRS, *filler])[len(filler) : len(filler) + len(PAIRS)]
    torch.testing.assert_close(together, alone, atol=NOISE, rtol=0)


def test_the_direction_matters(verifier: CheckpointVerifier) -> None:
    forth = answers_to(verifier, [PAIRS[2]])
    back = answers_to(verifier, [PAIRS[2][::-1]])
    assert not torch.equal(forth, back)


def test_no_pairs(verifier: CheckpointVerifier) -> None:
    assert verifier.probabilities([], []).shape == (0, 4)


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "😀 \u202e", "a" * 5000])
def test_odd_texts_get_an_answer(verifier: CheckpointVerifier, text: str) -> None:
    answers = answers_to(verifier, [(text, "Rome."), ("Rome.", text), (text, text)])
    assert bool(((answers >= 0) & (answers <= 1)).all())


def test_lone_surrogates_read_as_replacement_characters(verifier: CheckpointVerifier) -> None:
    answers = answers_to(verifier, [("Rome \udfff", "Paris"), ("Rome \ufffd", "Paris")])
    torch.testing.assert_close(answers[0], answers[1], atol=NOISE, rtol=0)


def test_a_long_pair_loses_the_end_of_its_longer_text(verifier: CheckpointVerifier) -> None:
    query, words = "Rome is closer than Paris", "The train to the north leaves every hour. " * 20
    first = answers_to(verifier, [(query, words)])
    assert torch.equal(answers_to(verifier, [(query, words + "It is late.")]), first)
    assert torch.equal(answers_to(verifier, [(query, words * 50)]), first)
    assert not torch.equal(answers_to(verifier, [("Oslo is closer than Rome", words)]), first)


def test_eight_threads_get_the_same_answers(verifier: CheckpointVerifier) -> None:
    expected = answers_to(verifier, PAIRS)
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(answers_to, [verifier] * 16, [PAIRS] * 16):
            torch.testing.assert_close(answers, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("missing", ["head.weight", "head.bias"])
def test_weights_without_a_head(checkpoint_folder: Path, tmp_path: Path, missing: str) -> None:
    tensors = load_file(checkpoint_folder / VERIFIER_FILE)
    del tensors[missing]
    save_file(tensors, tmp_path / VERIFIER_FILE)
    calibration = Calibration(dict.fromkeys(READINGS, (1.0, 0.0, 0.0, 0.0, 0.0)))
    config = VerifierConfig(calibration, 64, window=40, windows=2, first=2, max_verified=16)
    with pytest.raises(CheckpointError, match="has no head for a hidden size of 384"):
        CheckpointVerifier(resolve(DEFAULT_BASE), tmp_path / VERIFIER_FILE, config, torch.device("cpu"))
