"""Training stage one on the real base model, a few steps: what is written, refused, and what survives."""

from __future__ import annotations

import dataclasses
import itertools
import json
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense
from torch.optim.optimizer import register_optimizer_step_post_hook

from compositional_rerank import StructuralEmbedder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.checkpoints.config import (
    STRUCTURAL_FILE,
    VERIFIER_FILE,
    CheckpointConfig,
    StructuralConfig,
)
from compositional_rerank.checkpoints.locate import Located, locate
from compositional_rerank.encoding.structural import append_part
from compositional_rerank.errors import CheckpointError, DataError, InputError
from compositional_rerank.training.embedder import train_naive, train_structural
from compositional_rerank.training.export import export, export_structural
from compositional_rerank.training.settings import StructuralSettings, TrainingSettings
from compositional_rerank.training.structural_loss import StructuralLoss
from compositional_rerank.training.triples import TrainingTriple

FEW = TrainingSettings(batch_size=4, epochs=0.03, max_tokens=32)  # two steps
SMALL = StructuralSettings(
    16, 8, 1, 32, 0.25, follow=20, paraphrase=30, fall=1, rank=10, drop=0.3, margin=0.15
)
CITIES = "Rome Paris Oslo Bonn Bern Graz Cork Lyon Nice Lodz Riga Turin Basel Ghent Delft".split()


@pytest.fixture(scope="module")
def rows() -> list[TrainingTriple]:
    made = [
        TrainingTriple(
            f"{a} is closer than {b}.", f"{b} is farther than {a}.", f"{b} is closer than {a}.", 1, ""
        )
        for a, b in itertools.permutations(CITIES, 2)
    ]
    return made[:200] + [
        TrainingTriple("Who wrote Faust?", f"Goethe wrote {n} books.", "", 0, "") for n in range(10)
    ]


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

    texts = ["Rome is closer than Paris", "Paris is closer than Rome"]
    embedder = StructuralEmbedder.from_pretrained(str(out), device="cpu", sensitivity=None)
    assert (embedder.sensitivity, embedder.dimension) == (0.25, 400)
    vectors = embedder.encode_query(texts)
    base = SentenceTransformer(str(base_folder), device="cpu").encode(texts, normalize_embeddings=True)
    assert vectors.shape == (2, 400)
    length = np.linalg.norm(vectors[:, :384], axis=1, keepdims=True)
    np.testing.assert_allclose(vectors[:, :384] / length, base, atol=1e-5)


def test_what_the_loss_asks_for(base_folder: Path) -> None:
    """With a part of zeros the vectors are the base's: all is as asked, except that no near-miss falls."""
    model = SentenceTransformer(str(base_folder), device="cpu").eval()
    part = append_part(model, StructuralConfig(8, [1, 6], 8, 1, 64, 0.5), 1.0)
    torch.nn.init.zeros_(part.head.weight)
    anchors = ["Rome is closer than Paris.", "The dog barked."]
    other = ["Interest rates rose by a quarter in May.", "Add two spoons of brown sugar."]

    def cost(*columns: list[str], near_miss: int = 1, **weights: float) -> float:
        features = [model.preprocess(list(column)) for column in columns]
        settings = dataclasses.replace(SMALL, **{"rank": 0.0, **weights})
        with torch.no_grad():
            return float(StructuralLoss(model, settings)(features, torch.full((2,), near_miss)))

    assert cost(anchors, other, ["", ""]) == pytest.approx(0, abs=1e-5)
    assert cost(anchors, anchors, ["", ""]) == pytest.approx(0, abs=1e-5)
    assert cost(anchors, other, anchors, near_miss=0) == pytest.approx(0, abs=1e-5)
    assert cost(anchors, ["", ""], other) < 0.1  # a near-miss that is far away has nowhere to fall
    alone = cost(anchors, ["", ""], anchors, fall=4.0, drop=0.5)
    assert alone == pytest.approx(4 * 0.5**2, abs=1e-3)
    assert cost(anchors, anchors, anchors, fall=4.0, drop=0.5) == pytest.approx(2 * alone, abs=1e-3)
    assert cost(anchors, anchors, anchors, fall=0.0, rank=1.0) > 0.2
    torch.nn.init.normal_(part.head.weight, std=2)
    assert cost(anchors, other, ["", ""], near_miss=0) > 0.1


def test_a_verifier_of_the_same_base_takes_the_part_over(
    checkpoint_network: CrossEncoder, structural_folder: Path, tmp_path: Path
) -> None:
    start, out = locate(structural_folder), tmp_path / "next"
    assert start.config is not None
    export(
        checkpoint_network,
        start.base,
        out,
        fusion=start.config.fusion,
        verifier=start.config.verifier,
        pooled_weight=start.config.pooled_weight,
        start=start,
    )
    assert (out / STRUCTURAL_FILE).read_bytes() == (structural_folder / STRUCTURAL_FILE).read_bytes()
    assert CheckpointConfig.load(out).structural == start.config.structural


def test_ctrl_c_leaves_no_checkpoint_and_the_same_call_goes_on(
    rows: list[TrainingTriple], checkpoint_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoint"
    settings = dataclasses.replace(FEW, epochs=0.24)  # 13 steps

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
    long = dataclasses.replace(rows[0], positive="The dog bit the man. " * 6)  # 36 tokens and more
    with pytest.raises(DataError, match="199 rows, 199 of them with a near-miss: give at least 200"):
        train([*rows[:199], long], checkpoint_folder, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_base_model_alone_has_no_verifier_to_go_beside(rows: list[TrainingTriple], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a base model without a verifier: train one first"):
        train(rows, Path(DEFAULT_BASE), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_base_of_another_build_is_named(
    rows: list[TrainingTriple], checkpoint_folder: Path, linked_model: Path, tmp_path: Path
) -> None:
    """Its vectors are no pooled token vectors: a projection comes behind them."""
    model = SentenceTransformer(str(linked_model), device="cpu")
    model.append(Dense(384, 16))
    model.save_pretrained(str(tmp_path / "projected"))
    healthy = locate(checkpoint_folder)
    start = Located("projected", resolve(tmp_path / "projected"), healthy.folder, healthy.config)
    with pytest.raises(CheckpointError, match="does not fit this base model of 6 layers"):
        train_structural(rows, start, tmp_path / "out", settings=FEW, structural=SMALL, device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("field", ["dimension", "width", "depth", "longest", "sensitivity", "drop", "follow"])
def test_settings_out_of_range(field: str) -> None:
    with pytest.raises(InputError, match=f"{field} is out of range: -1"):
        dataclasses.replace(SMALL, **{field: -1})


def test_nothing_is_overwritten(rows: list[TrainingTriple], checkpoint_folder: Path, tmp_path: Path) -> None:
    for method in (partial(train_structural, structural=SMALL), train_naive):
        with pytest.raises(InputError, match="exists: choose another folder"):
            method(rows, locate(checkpoint_folder), tmp_path, settings=FEW, device="cpu")
    assert not any(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(structural_folder: Path, tmp_path: Path) -> None:
    """The system refuses to let a file grow beyond 1 MB, as a full disk does."""
    start = locate(structural_folder)
    config = StructuralConfig(8, [1, 6], 8, 1, 64, 0.5)
    part = append_part(SentenceTransformer(str(start.base.path), device="cpu"), config, 1.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(OSError, match=r"."):
            export_structural(part, start, tmp_path / "out", config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(tmp_path.iterdir())


def test_a_damaged_part_is_named(structural_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(structural_folder, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    whole = config["structural"]
    for change, message in (
        (whole | {"dimension": 0}, "structural wants dimension"),
        (whole | {"width": 6}, "width a multiple of 4"),
        (whole | {"dimension": 9}, "holds no structural part for this base model"),
        (whole | {"layers": [1, 7]}, "does not fit this base model of 6 layers"),
        ({"dimension": 8}, "is no config of a checkpoint"),
    ):
        (folder / "config.json").write_text(json.dumps(config | {"structural": change}))
        with pytest.raises(CheckpointError, match=message):
            StructuralEmbedder.from_pretrained(str(folder), device="cpu", sensitivity=0.5)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / STRUCTURAL_FILE).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"structural\.safetensors: sha256 is .* the file is damaged"):
        StructuralEmbedder.from_pretrained(str(folder), device="cpu", sensitivity=0.5)
