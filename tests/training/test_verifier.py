"""Training on the real base model, a few steps of it: what is written, what is refused, what survives."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder
from torch.optim.optimizer import register_optimizer_step_post_hook

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.checkpoints.config import VERIFIER_FILE, CheckpointConfig, VerifierConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.errors import CheckpointError, DataError, InputError
from compositional_rerank.scoring.calibration import Calibration
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.training.export import export
from compositional_rerank.training.near_misses import triples
from compositional_rerank.training.settings import TrainingSettings
from compositional_rerank.training.sources import LabelledPair
from compositional_rerank.training.verifier import train_verifier

FEW = TrainingSettings(batch_size=4, stop_after=2)


@pytest.fixture(scope="module")
def pairs() -> list[LabelledPair]:
    found = []
    for triple in triples(130, seed=3):
        found.append(LabelledPair(triple.anchor, triple.positive, 0, "templates"))
        found.append(LabelledPair(triple.anchor, triple.negative, 1, "templates"))
    return found


@contextmanager
def after_each_step(act: Callable[[int], None]) -> Iterator[list[int]]:
    """Call ``act`` with the number of optimiser steps so far; yields the list of them."""
    steps: list[int] = []

    def hook(*arguments: object) -> None:
        steps.append(len(steps) + 1)
        act(steps[-1])

    handle = register_optimizer_step_post_hook(hook)
    try:
        yield steps
    finally:
        handle.remove()


def train(pairs: list[LabelledPair], out: Path, settings: TrainingSettings = FEW) -> Path:
    return train_verifier(pairs, locate(DEFAULT_BASE), out, settings=settings, device="cpu")


def test_a_trained_checkpoint_is_used(pairs: list[LabelledPair], tmp_path: Path) -> None:
    out = tmp_path / "new" / "checkpoint"
    with after_each_step(lambda step: None) as steps:
        assert train(pairs, out) == out
    assert len(steps) == 2
    assert [entry.name for entry in out.parent.iterdir()] == ["checkpoint"]
    assert sorted(file.name for file in out.iterdir()) == ["config.json", "verifier.safetensors"]
    assert (out / VERIFIER_FILE).stat().st_size < 8e6

    reranker = CompositionalReranker.from_pretrained(out, device="cpu")
    config = CheckpointConfig.load(out)
    query, near, far = "Rome is closer than Paris", "Paris is closer than Rome.", "Quarks carry colour."
    ranking = reranker.rerank(query, [near, far])
    scored = {result.text: result for result in ranking}
    assert scored[far].mismatch is None
    assert scored[far].score == scored[far].relevance
    mismatch = scored[near].mismatch
    assert mismatch is not None
    assert 0 <= mismatch <= 1
    # the gate is wide open for a permutation of the query's words
    expected = scored[near].relevance - config.fusion.beta * mismatch
    assert scored[near].score == pytest.approx(expected, abs=0.01)
    assert reranker.threshold == config.fusion.threshold


def test_going_on_keeps_the_gate_and_starts_from_the_weights(
    pairs: list[LabelledPair], checkpoint_folder: Path, tmp_path: Path
) -> None:
    settings = TrainingSettings(batch_size=4, stop_after=1, learning_rate=1e-7)
    start = locate(checkpoint_folder)
    out = train_verifier(pairs, start, tmp_path / "next", settings=settings, device="cpu")
    before, after = CheckpointConfig.load(checkpoint_folder), CheckpointConfig.load(out)
    assert (after.fusion, after.pooled_weight) == (before.fusion, before.pooled_weight)
    assert after.base_sha256 == before.base_sha256
    old, new = load_file(checkpoint_folder / VERIFIER_FILE), load_file(out / VERIFIER_FILE)
    torch.testing.assert_close(new["head.weight"], old["head.weight"], atol=1e-5, rtol=0)


def test_ctrl_c_leaves_no_checkpoint_and_the_same_call_goes_on(
    pairs: list[LabelledPair], tmp_path: Path
) -> None:
    out = tmp_path / "checkpoint"
    settings = TrainingSettings(batch_size=4, stop_after=13)

    def interrupt(step: int) -> None:
        if step == 12:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with after_each_step(interrupt), pytest.raises(KeyboardInterrupt):
            train(pairs, out, settings)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.training"]
    states = sorted(folder.name for folder in (tmp_path / "checkpoint.training").glob("checkpoint-*"))
    assert states == ["checkpoint-10"]
    # a crash while a state was written
    half = tmp_path / "checkpoint.training" / "checkpoint-12"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")

    with pytest.raises(InputError, match="states of another training run"):
        train(pairs[1:], out, settings)
    with pytest.raises(InputError, match="states of another training run"):
        train(pairs, out, TrainingSettings(batch_size=4, stop_after=13, learning_rate=2e-5))

    with after_each_step(lambda step: None) as steps:
        train(pairs, out, settings)
    assert len(steps) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint"]
    assert locate(out).config is not None


def test_a_loss_that_is_no_number_stops_the_run(
    pairs: list[LabelledPair], linked_model: Path, tmp_path: Path
) -> None:
    tensors = load_file(linked_model / "model.safetensors")
    tensors["encoder.layer.3.output.LayerNorm.weight"][0] = float("nan")
    (linked_model / "model.safetensors").unlink()  # a link to the base model's
    save_file(tensors, linked_model / "model.safetensors", metadata={"format": "pt"})
    settings = TrainingSettings(batch_size=4, learning_rate=3e-4)
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 10: lower .* \(now 0\.0003\)"):
        train_verifier(pairs, locate(linked_model), tmp_path / "out", settings=settings, device="cpu")
    assert not (tmp_path / "out").exists()


def test_too_few_pairs(pairs: list[LabelledPair], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="199 pairs are too few to train on; give at least 200"):
        train(pairs[:199], tmp_path / "out")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_only(pairs: list[LabelledPair], tmp_path: Path, label: int) -> None:
    one_sided = [pair for pair in pairs if pair.mismatch == label] * 2
    with pytest.raises(DataError, match=rf"label\(s\) \[{label}\]"):
        train(one_sided, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_calibration_needs_both_labels_too(pairs: list[LabelledPair], tmp_path: Path) -> None:
    """Said before the training, not after it."""
    lopsided = [pair for pair in pairs if pair.mismatch] * 3 + [pairs[0]]
    with pytest.raises(DataError, match=r"the (held-out|training) pairs have the label\(s\) \[1\]"):
        train(lopsided, tmp_path / "out")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_nothing_is_overwritten(pairs: list[LabelledPair], tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    out.mkdir() if kind == "folder" else out.write_text("mine")
    with pytest.raises(InputError, match="out exists: choose another folder"):
        train(pairs, out)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def write(network: CrossEncoder, out: Path) -> None:
    export(
        network,
        resolve(DEFAULT_BASE),
        out,
        fusion=Fusion(tau=0.6, width=0.02, beta=1.0, threshold=0.5),
        verifier=VerifierConfig(Calibration(1.0, 1.0, 0.0, 0.0), 64, 2),
        pooled_weight=0.0,
    )


def test_a_full_disk_leaves_nothing(checkpoint_network: CrossEncoder, tmp_path: Path) -> None:
    """The system refuses to let a file grow beyond 1 MB, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(OSError, match="could not be written"):
            write(checkpoint_network, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(tmp_path.iterdir())


def test_export_does_not_overwrite(checkpoint_network: CrossEncoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists"):
        write(checkpoint_network, tmp_path)


def test_a_base_in_a_folder_is_found_from_elsewhere(
    checkpoint_network: CrossEncoder, linked_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = resolve(linked_model.relative_to(tmp_path))
    fusion, verifier = Fusion(0.6, 0.02, 1.0, 0.5), VerifierConfig(Calibration(1.0, 1.0, 0.0, 0.0), 64, 2)
    export(checkpoint_network, base, tmp_path / "out", fusion=fusion, verifier=verifier, pooled_weight=0.0)
    monkeypatch.chdir("/")
    assert locate(tmp_path / "out").base.path == linked_model
    shutil.rmtree(linked_model)
    with pytest.raises((CheckpointError, OSError), match="model"):
        locate(tmp_path / "out")
