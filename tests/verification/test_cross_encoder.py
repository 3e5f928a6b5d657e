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
from compositional_rerank.scoring.calibration import Calibration
from compositional_rerank.verification.cross_encoder import Verifier

NOISE = 0.02  # bfloat16 adds up in another order when a batch has another shape
PAIRS = [
    ("Rome is closer than Paris", "Paris is closer than Rome."),
    ("a red cup on a blue plate", "a blue cup on a red plate"),
    ("The drug is safe for children", "The drug is not safe for children, said the ministry on Monday."),
    ("the dog bit the man", "the man was bitten by the dog"),
    ("Who wrote Faust?", "Goethe wrote Faust."),
    ("tax", "Die Steuer steigt um drei Prozent, und zwar schon ab dem nächsten Jahr. " * 2),
]


@pytest.fixture
def verifier(verifying: CompositionalReranker) -> Verifier:
    assert verifying.verifier is not None
    return verifying.verifier


def test_answers_are_probabilities_that_differ(verifier: Verifier) -> None:
    answers = verifier.mismatch(PAIRS)
    assert (answers.shape, answers.dtype) == ((len(PAIRS),), torch.float32)
    assert 0 <= float(answers.min()) < float(answers.max()) <= 1
    assert float(answers.std()) > 2 * NOISE


def test_it_answers_as_the_network_that_was_trained(
    verifier: Verifier, checkpoint_network: CrossEncoder
) -> None:
    logits = checkpoint_network.predict(PAIRS, activation_fn=torch.nn.Identity(), convert_to_tensor=True)
    expected = verifier.config.calibration.mismatch(logits.float(), [query for query, _ in PAIRS])
    torch.testing.assert_close(verifier.mismatch(PAIRS), expected, atol=2 * NOISE, rtol=0)


def test_the_order_of_pairs_does_not_matter(verifier: Verifier) -> None:
    order = list(range(len(PAIRS)))
    random.Random(1).shuffle(order)
    expected = verifier.mismatch(PAIRS)[order]
    torch.testing.assert_close(
        verifier.mismatch([PAIRS[place] for place in order]), expected, atol=NOISE, rtol=0
    )


def test_company_does_not_matter(verifier: Verifier) -> None:
    """Alone, or in several batches with pairs of other lengths."""
    alone = torch.cat([verifier.mismatch([pair]) for pair in PAIRS])
    filler = [("yes", "no " * length) for length in range(1, 60)]
    together = verifier.mismatch([*filler, *PAIRS, *filler])[len(filler) : len(filler) + len(PAIRS)]
    torch.testing.assert_close(together, alone, atol=NOISE, rtol=0)


def test_the_direction_matters(verifier: Verifier) -> None:
    forth = verifier.mismatch([PAIRS[2]])
    back = verifier.mismatch([PAIRS[2][::-1]])
    assert not torch.equal(forth, back)


def test_no_pairs(verifier: Verifier) -> None:
    assert verifier.mismatch([]).shape == (0,)


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "😀 \u202e", "a" * 5000])
def test_odd_texts_get_an_answer(verifier: Verifier, text: str) -> None:
    answers = verifier.mismatch([(text, "Rome."), ("Rome.", text), (text, text)])
    assert bool(((answers >= 0) & (answers <= 1)).all())


def test_lone_surrogates_read_as_replacement_characters(verifier: Verifier) -> None:
    answers = verifier.mismatch([("Rome \udfff", "Paris"), ("Rome \ufffd", "Paris")])
    assert float(answers[0]) == pytest.approx(float(answers[1]), abs=NOISE)


def test_a_long_pair_loses_the_end_of_its_longer_text(verifier: Verifier) -> None:
    query, words = "Rome is closer than Paris", "The train to the north leaves every hour. " * 20
    first = verifier.mismatch([(query, words)])
    assert torch.equal(verifier.mismatch([(query, words + "It is late.")]), first)
    assert torch.equal(verifier.mismatch([(query, words * 50)]), first)
    assert not torch.equal(verifier.mismatch([("Oslo is closer than Rome", words)]), first)


def test_eight_threads_get_the_same_answers(verifier: Verifier) -> None:
    expected = verifier.mismatch(PAIRS)
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(verifier.mismatch, [PAIRS] * 16):
            torch.testing.assert_close(answers, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("missing", ["head.weight", "head.bias"])
def test_weights_without_a_head(checkpoint_folder: Path, tmp_path: Path, missing: str) -> None:
    tensors = load_file(checkpoint_folder / VERIFIER_FILE)
    del tensors[missing]
    save_file(tensors, tmp_path / VERIFIER_FILE)
    config = VerifierConfig(Calibration(1.0, 1.0, 0.0, 0.0), 64, 2)
    with pytest.raises(CheckpointError, match="has no head for a hidden size of 384"):
        Verifier(resolve(DEFAULT_BASE), tmp_path / VERIFIER_FILE, config, torch.device("cpu"))
