"""Real models, loaded once for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

from compositional_rerank import CompositionalReranker, MemoryStore, StructuralEmbedder, TokenEncoder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.checkpoints.config import VerifierConfig
from compositional_rerank.scoring.calibration import READINGS, Calibration
from compositional_rerank.scoring.fusion import Fusion

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # before a test imports haystack
# A slow machine is no failure.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")


@pytest.fixture(scope="session")
def reranker() -> CompositionalReranker:
    """Plain MaxSim over the base model, exact, with one store for all tests."""
    return CompositionalReranker.from_pretrained(
        DEFAULT_BASE, verifier="none", device="cpu", store=MemoryStore(dtype="float32")
    )


@pytest.fixture
def fresh_reranker(reranker: CompositionalReranker) -> CompositionalReranker:
    """The same model with an empty store."""
    return reranker.with_store(MemoryStore(dtype="float32"))


@pytest.fixture(scope="session")
def encoder(reranker: CompositionalReranker) -> TokenEncoder:
    return reranker.encoder


@pytest.fixture(scope="session")
def embedder() -> StructuralEmbedder:
    return StructuralEmbedder.from_pretrained(DEFAULT_BASE, device="cpu")


@pytest.fixture
def forwards(encoder: TokenEncoder) -> Iterator[list[torch.Size]]:
    """Shape ``[texts, tokens]`` of every batch that the real model computes during the test."""
    shapes: list[torch.Size] = []
    hook = encoder.transformer.register_forward_pre_hook(
        lambda module, inputs: shapes.append(inputs[0]["input_ids"].shape)
    )
    yield shapes
    hook.remove()


@pytest.fixture(scope="session")
def base_folder() -> Path:
    """Folder of the base model."""
    return resolve(DEFAULT_BASE).path


@pytest.fixture
def linked_model(base_folder: Path, tmp_path: Path) -> Path:
    """A model folder of the test's own to spoil: links to the base model's files."""
    folder = tmp_path / "model"
    for source in base_folder.rglob("*"):
        if source.is_file() and source.suffix in {".json", ".txt", ".safetensors"}:
            target = folder / source.relative_to(base_folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source.resolve())
    return folder


@pytest.fixture(scope="session")
def checkpoint_network() -> CrossEncoder:
    """What training makes, made fast: the base with small random changes and a random head."""
    from compositional_rerank.training.network import build

    torch.manual_seed(5)
    network = build(resolve(DEFAULT_BASE).path, max_tokens=64, device="cpu").eval()
    for parameter in network[0].auto_model.encoder.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.002)
    torch.nn.init.normal_(network[2].linear.weight, std=0.1)
    return network


@pytest.fixture(scope="session")
def checkpoint_folder(checkpoint_network: CrossEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose verifier has an opinion on everything, though no good one."""
    from compositional_rerank.training.export import export

    folder = tmp_path_factory.mktemp("checkpoints") / "random"
    export(
        checkpoint_network,
        resolve(DEFAULT_BASE),
        folder,
        fusion=Fusion(least_closeness=0.55, threshold=0.5, bonus=0.1, penalty=0.2),
        verifier=VerifierConfig(
            Calibration(dict.fromkeys(READINGS, (2.0, 0.1, 0.0, 0.2, 0.0))),
            max_tokens=64,
            window=40,
            windows=2,
            first=2,
            max_verified=16,
        ),
        pooled_weight=0.25,
    )
    return folder


@pytest.fixture(scope="session")
def structural_folder(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same checkpoint with a structural part of 8 random dimensions, for texts of up to 32 tokens."""
    from sentence_transformers import SentenceTransformer

    from compositional_rerank.checkpoints.config import StructuralConfig
    from compositional_rerank.checkpoints.locate import locate
    from compositional_rerank.encoding.structural import append_part
    from compositional_rerank.training.export import export_structural

    start = locate(checkpoint_folder)
    config = StructuralConfig(dimension=8, layers=[1, 6], width=8, depth=1, longest=32, sensitivity=0.5)
    torch.manual_seed(6)
    part = append_part(SentenceTransformer(str(start.base.path), device="cpu"), config, 1.0)
    torch.nn.init.normal_(part.head.weight, std=0.2)
    folder = tmp_path_factory.mktemp("checkpoints") / "structural"
    export_structural(part, start, folder, config)
    return folder


@pytest.fixture(scope="session")
def verifying(checkpoint_folder: Path) -> CompositionalReranker:
    """An exact reranker with that checkpoint."""
    exact = MemoryStore(dtype="float32")
    return CompositionalReranker.from_pretrained(checkpoint_folder, device="cpu", store=exact)
