"""A projection fitted on the real base model: it keeps MaxSim, and the checkpoint that holds it uses it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from compositional_rerank import CompositionalReranker, TokenEncoder
from compositional_rerank.audit.formats import read_suite
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve, sha256_of
from compositional_rerank.checkpoints.config import PROJECTION_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.cli import main
from compositional_rerank.errors import CheckpointError, DataError, InputError
from compositional_rerank.scoring.maxsim import maxsim
from compositional_rerank.scoring.tokens import PackedTokens
from compositional_rerank.training.projection import fit_projection


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return read_suite("natural").queries[:240]


@pytest.fixture(scope="module")
def whole() -> TokenEncoder:
    return TokenEncoder(resolve(DEFAULT_BASE), device="cpu")


def fit(texts: list[str], encoder: TokenEncoder, dimension: int) -> torch.Tensor:
    return fit_projection(texts, encoder, dimension=dimension, show_progress=False)


def scores(encoder: TokenEncoder, texts: list[str]) -> torch.Tensor:
    """MaxSim of 20 queries with 100 texts, float32 [20, 100]."""
    encoded = encoder.encode(texts[:100], task="document")
    passages = PackedTokens.from_list([entry.vectors for entry in encoded])
    return torch.stack([maxsim(entry.vectors, passages) for entry in encoded[:20]])


def test_more_dimensions_keep_the_scores_of_unseen_texts_better(
    texts: list[str], whole: TokenEncoder, tmp_path: Path
) -> None:
    unseen = read_suite("natural").queries[-100:]
    expected = scores(whole, unseen)
    errors = []
    for dimension in (24, 96, 232):
        save_file({"weight": fit(texts, whole, dimension)}, tmp_path / "p.safetensors")
        projected = TokenEncoder(resolve(DEFAULT_BASE), "cpu", projection=tmp_path / "p.safetensors")
        encoded = projected.encode(unseen[:1], task="query")[0].vectors
        assert encoded.shape[1] == dimension
        assert torch.allclose(encoded.norm(dim=1), torch.ones(len(encoded)))
        errors.append(float((scores(projected, unseen) - expected).abs().mean()))
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.02


def test_components_are_orthonormal_and_none_has_much_more_spread_than_another(
    texts: list[str], whole: TokenEncoder
) -> None:
    projection = fit(texts, whole, 64)
    assert torch.allclose(projection.T @ projection, torch.eye(64), atol=1e-4)
    vectors = torch.cat([entry.vectors for entry in whole.encode(texts, task="document")])
    spreads = (vectors @ projection).pow(2).mean(dim=0)
    assert spreads.max() < 3 * spreads.min()  # of principal components as they come: 11 times


@pytest.mark.parametrize("dimension", [7, 384])
def test_dimension_out_of_range(texts: list[str], whole: TokenEncoder, dimension: int) -> None:
    with pytest.raises(InputError, match=f"dimension {dimension} is out of range"):
        fit(texts, whole, dimension)


def test_too_few_texts(whole: TokenEncoder) -> None:
    with pytest.raises(DataError, match="1 different texts are too few"):
        fit(["the same"] * 500, whole, 16)


def test_command_writes_a_checkpoint_that_scores_with_the_projection(
    texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.txt").write_text("\n\n".join(texts), encoding="utf-8")
    out = tmp_path / "checkpoint"
    command = ["train", "projection", "--corpus", str(tmp_path / "texts.txt"), "--out", str(out)]
    assert main([*command, "--dimension", "16", "--device", "cpu"]) == 0
    assert "16 dimensions" in capsys.readouterr().err
    found = CompositionalReranker.from_pretrained(out, device="cpu")
    assert found.encoder.encode(["a red cup"], task="query")[0].vectors.shape[1] == 16
    assert found.encoder.encode(["a red cup"], task="query")[0].pooled.shape == (384,)
    ranking = found.rerank("Who wrote Faust?", ["Paris is in France.", "Goethe wrote Faust."])
    assert [result.index for result in ranking] == [1, 0]
    shipped = CompositionalReranker.from_pretrained(device="cpu")
    assert found.encoder.fingerprint != shipped.encoder.fingerprint
    assert main([*command, "--device", "cpu"]) == 2
    assert "exists" in capsys.readouterr().err


def test_command_says_what_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "projection", "--out", str(tmp_path / "out")]
    assert main([*command, "--data", str(tmp_path)]) == 2
    assert "--corpus" in capsys.readouterr().err
    assert main([*command, "--corpus", str(tmp_path), "--seed", "2"]) == 2
    assert "no seed" in capsys.readouterr().err


def test_a_projection_of_another_model_is_refused(tmp_path: Path) -> None:
    start = locate(None)
    assert start.folder is not None
    folder = tmp_path / "checkpoint"
    shutil.copytree(start.folder, folder)
    save_file({"weight": torch.eye(768)[:, :64].contiguous()}, folder / PROJECTION_FILE)
    config = CheckpointConfig.load(start.folder)
    config.files[PROJECTION_FILE] = sha256_of(folder / PROJECTION_FILE)
    config.save(folder)
    with pytest.raises(CheckpointError, match=r"\(768, 64\).*384 dimensions"):
        CompositionalReranker.from_pretrained(folder, device="cpu")
