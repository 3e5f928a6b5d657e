"""Training stage one on the real base model, a few steps: what is written, refused, and what survives."""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch.optim.optimizer import register_optimizer_step_post_hook

from compositional_rerank import StructuralEmbedder
from compositional_rerank.checkpoint import DEFAULT_BASE
from compositional_rerank.config import STRUCTURAL_FILE, VERIFIER_FILE, CheckpointConfig, Located, locate
from compositional_rerank.errors import CheckpointError, DataError, InputError
from compositional_rerank.structural import AXES, build_structural
from compositional_rerank.training.embedder import train_naive, train_structural
from compositional_rerank.training.near_misses import triples
from compositional_rerank.training.settings import StructuralSettings, TrainingSettings
from compositional_rerank.training.sources import LabelledPair
from compositional_rerank.training.structural_loss import StructuralLoss
from compositional_rerank.training.triples import TrainingTriple
from compositional_rerank.training.verifier import train_verifier

FEW = TrainingSettings(batch_size=4, stop_after=2, max_tokens=32)
SMALL = StructuralSettings(dimension=16, layers=1, sensitivity=0.25)


@pytest.fixture(scope="module")
def rows() -> list[TrainingTriple]:
    return [
        TrainingTriple(t.anchor, t.positive, t.negative, 1, "templates") for t in triples(200, seed=3)
    ] + [TrainingTriple("Who wrote Faust?", f"Goethe wrote {n} books.", "", 0, "made") for n in range(10)]


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


def train(rows: list[TrainingTriple], start: Path, out: Path, settings: TrainingSettings = FEW) -> Path:
    return train_structural(rows, locate(start), out, settings=settings, structural=SMALL, device="cpu")


def test_a_trained_part_is_used(
    rows: list[TrainingTriple], checkpoint_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "checkpoint"
    with after_each_step(lambda step: None) as steps:
        assert train(rows, checkpoint_folder, out) == out
    assert len(steps) == 2
    assert [entry.name for entry in out.parent.iterdir()] == ["checkpoint"]
    before, after = CheckpointConfig.load(checkpoint_folder), CheckpointConfig.load(out)
    assert after.structural is not None
    assert (after.structural.dimension, after.structural.sensitivity) == (16, 0.25)
    assert dataclasses.replace(after, files=before.files, structural=None) == before
    assert (out / VERIFIER_FILE).read_bytes() == (checkpoint_folder / VERIFIER_FILE).read_bytes()

    # only the last layer was trained, and the head
    layers = {name.split(".")[2] for name in load_file(out / STRUCTURAL_FILE) if name.startswith("encoder.")}
    assert layers == {"5"}
    texts = ["Rome is closer than Paris", "Paris is closer than Rome"]
    embedder = StructuralEmbedder.from_pretrained(str(out), device="cpu", sensitivity=None)
    assert (embedder.sensitivity, embedder.dimension) == (0.25, 400)
    vectors = embedder.encode_query(texts)
    base = SentenceTransformer(str(base_folder), device="cpu").encode(texts, normalize_embeddings=True)
    assert vectors.shape == (2, 400)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[:, :384], base * np.sqrt(0.75), atol=1e-6)


def test_what_the_loss_asks_for(base_folder: Path) -> None:
    """Vectors that do as asked cost nothing; a near-miss that is close, or a paraphrase that is not, does."""
    part = build_structural(base_folder, 384 + AXES, "cpu").eval()
    part[2].linear.weight.data.copy_(torch.eye(384))
    same = (
        ["Rome is closer than Paris.", "The dog barked."],
        ["Rome is closer than Paris.", "The dog barked."],
    )
    other = ["Interest rates rose by a quarter in May.", "Add two spoons of brown sugar."]
    loss = StructuralLoss(part, StructuralSettings(apart=0, rank=0))

    def cost(*columns: list[str], near_miss: int = 1) -> float:
        features = [part.preprocess(list(column)) for column in columns]
        with torch.no_grad():
            return float(loss(features, torch.full((2,), near_miss)))

    assert cost(*same, other) < 0.1
    assert cost(*same, same[0]) > 3  # near-misses with cosine 1, against anchor and positive
    assert cost(same[0], other, ["", ""]) > 1  # paraphrases with cosine 0
    assert cost(same[0], other, ["", ""], near_miss=0) < 0.1  # related, and far from each other
    assert cost(*same, ["", ""], near_miss=0) > 1.9
    assert cost(same[0], ["", ""], ["", ""]) == 0


def test_the_verifier_is_trained_on_and_the_part_stays(
    rows: list[TrainingTriple], structural_folder: Path, tmp_path: Path
) -> None:
    pairs = [LabelledPair(row.anchor, row.positive, 0, "") for row in rows[:150]]
    pairs += [LabelledPair(row.anchor, row.negative, 1, "") for row in rows[:150]]
    settings = TrainingSettings(batch_size=4, stop_after=1)
    start = locate(structural_folder)
    out = train_verifier(pairs, start, tmp_path / "next", settings=settings, device="cpu")
    assert (out / STRUCTURAL_FILE).read_bytes() == (structural_folder / STRUCTURAL_FILE).read_bytes()
    assert start.config is not None
    assert CheckpointConfig.load(out).structural == start.config.structural


def test_ctrl_c_leaves_no_checkpoint_and_the_same_call_goes_on(
    rows: list[TrainingTriple], checkpoint_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoint"
    settings = dataclasses.replace(FEW, stop_after=13)

    def interrupt(step: int) -> None:
        if step == 12:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with after_each_step(interrupt), pytest.raises(KeyboardInterrupt):
            train(rows, checkpoint_folder, out, settings)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.training"]

    with pytest.raises(InputError, match="states of another training run"):
        train(rows[1:], checkpoint_folder, out, settings)
    with pytest.raises(InputError, match="states of another training run"):
        train(rows, checkpoint_folder, out, dataclasses.replace(settings, learning_rate=2e-5))

    with after_each_step(lambda step: None) as steps:
        train(rows, checkpoint_folder, out, settings)
    assert len(steps) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint"]


def test_a_loss_that_is_no_number_stops_the_run(
    rows: list[TrainingTriple], checkpoint_folder: Path, linked_model: Path, tmp_path: Path
) -> None:
    tensors = load_file(linked_model / "model.safetensors")
    tensors["encoder.layer.3.output.LayerNorm.weight"][0] = float("nan")
    (linked_model / "model.safetensors").unlink()  # a link to the base model's
    save_file(tensors, linked_model / "model.safetensors", metadata={"format": "pt"})
    healthy = locate(checkpoint_folder)
    start = Located("damaged", locate(linked_model).base, healthy.folder, healthy.config)
    settings = TrainingSettings(batch_size=4, max_tokens=32)
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step"):
        train_naive(rows, start, tmp_path / "out", settings=settings, device="cpu")
    assert not (tmp_path / "out").exists()


def test_the_naive_way_writes_a_whole_model(rows: list[TrainingTriple], tmp_path: Path) -> None:
    out = train_naive(rows, locate(DEFAULT_BASE), tmp_path / "naive", settings=FEW, device="cpu")
    assert [entry.name for entry in tmp_path.iterdir()] == ["naive"]
    embedder = StructuralEmbedder.from_pretrained(str(out), device="cpu")
    assert embedder.dimension == 384
    assert embedder.model.max_seq_length == 256
    plain = StructuralEmbedder.from_pretrained(DEFAULT_BASE, device="cpu")
    assert not np.array_equal(embedder.encode_query(["Rome"]), plain.encode_query(["Rome"]))


def test_bad_rows(rows: list[TrainingTriple], checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="199 rows, 199 of them with a near-miss: give at least 200"):
        train(rows[:199], checkpoint_folder, tmp_path / "out")
    with pytest.raises(DataError, match="250 rows, 0 of them with a near-miss"):
        train(rows[-10:] * 25, checkpoint_folder, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_base_model_alone_has_no_verifier_to_go_beside(rows: list[TrainingTriple], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a base model without a verifier: train one first"):
        train_structural(rows, locate(DEFAULT_BASE), tmp_path / "out", settings=FEW, device="cpu")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 7}, "layers is 7, but the base model has 6 encoder layers"),
        ({"dimension": 387}, "dimension is 387; at most 386"),
    ],
)
def test_a_part_that_the_base_cannot_carry(
    rows: list[TrainingTriple], checkpoint_folder: Path, tmp_path: Path, change: dict[str, int], message: str
) -> None:
    part = dataclasses.replace(SMALL, **change)
    start = locate(checkpoint_folder)
    with pytest.raises(InputError, match=message):
        train_structural(rows, start, tmp_path / "out", settings=FEW, structural=part, device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("field", ["dimension", "layers", "longest", "sensitivity", "apart"])
def test_settings_out_of_range(field: str) -> None:
    with pytest.raises(InputError, match=f"{field} is out of range: -1"):
        StructuralSettings(**{field: -1})


def test_nothing_is_overwritten(rows: list[TrainingTriple], checkpoint_folder: Path, tmp_path: Path) -> None:
    for method in (train_structural, train_naive):
        with pytest.raises(InputError, match="exists: choose another folder"):
            method(rows, locate(checkpoint_folder), tmp_path, settings=FEW, device="cpu")
    assert not any(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(structural_folder: Path, tmp_path: Path) -> None:
    """The system refuses to let a file grow beyond 1 MB, as a full disk does."""
    from compositional_rerank.config import StructuralConfig
    from compositional_rerank.training.export import export_structural

    start = locate(structural_folder)
    model = build_structural(start.base.path, 8, "cpu")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(OSError, match=r"."):
            export_structural(model, start, tmp_path / "out", StructuralConfig(8, 64, 0.5))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(tmp_path.iterdir())


def test_a_damaged_part_is_named(structural_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(structural_folder, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    for change, message in (
        ({"dimension": 2, "longest": 32, "sensitivity": 0.5}, "structural wants dimension >= 3"),
        ({"dimension": 9, "longest": 32, "sensitivity": 0.5}, "the structural part has no head"),
        ({"dimension": 8}, "is no config of a checkpoint"),
    ):
        (folder / "config.json").write_text(json.dumps(config | {"structural": change}))
        with pytest.raises(CheckpointError, match=message):
            StructuralEmbedder.from_pretrained(str(folder), device="cpu", sensitivity=0.5)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / STRUCTURAL_FILE).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"structural\.safetensors: sha256 is .* the file is damaged"):
        StructuralEmbedder.from_pretrained(str(folder), device="cpu", sensitivity=0.5)
