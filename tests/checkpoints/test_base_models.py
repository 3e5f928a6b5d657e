from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve, sha256_of
from compositional_rerank.errors import CheckpointError, InputError, ModelNotFoundError


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Snapshot folder of the base model in an otherwise empty hub cache, with the hub out of reach."""
    root = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    model = root / "models--sentence-transformers--all-MiniLM-L6-v2"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    snapshot = model / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    return snapshot


def link(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.resolve())


def test_a_local_folder_comes_first(
    cache: Path, linked_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(linked_model, cache)
    link(linked_model, tmp_path / "sentence-transformers" / "all-MiniLM-L6-v2")
    monkeypatch.chdir(tmp_path)
    assert resolve(DEFAULT_BASE).path == Path(DEFAULT_BASE)


def test_then_the_hub_cache(cache: Path, linked_model: Path) -> None:
    link(linked_model, cache)
    assert resolve(DEFAULT_BASE).path == cache


def test_then_an_installed_package(cache: Path) -> None:
    files = resolve(DEFAULT_BASE)
    assert cache not in files.path.parents
    assert (files.path / "model.safetensors").is_file()
    assert files.name == DEFAULT_BASE


def test_a_cache_without_weights_does_not_hide_the_package(cache: Path) -> None:
    (cache / "config.json").write_text("{}")
    assert resolve(DEFAULT_BASE).path != cache


def test_a_short_name(cache: Path) -> None:
    assert resolve("all-MiniLM-L6-v2") == resolve(DEFAULT_BASE)


@pytest.mark.parametrize(
    "name", ["no/such-model", "no-such-model", "../nowhere", "a/b/c", "~/nowhere", "x" * 300]
)
def test_an_unknown_name_lists_the_places_and_the_fix(cache: Path, name: str) -> None:
    with pytest.raises(
        ModelNotFoundError, match=r"no local folder, is not in the local hub cache.*fix: "
    ) as caught:
        resolve(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["", "  ", 3, b"model", ["model"]])
def test_a_name_that_is_no_name_is_an_error(name: Any) -> None:
    with pytest.raises(InputError, match="named by a str or a path"):
        resolve(name)


def test_a_path_object(linked_model: Path) -> None:
    assert resolve(linked_model) == resolve(str(linked_model))


def test_weights_with_another_hash_are_an_error(cache: Path, linked_model: Path) -> None:
    link(linked_model, cache)
    weights = cache / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"not the weights")
    digest = hashlib.sha256(b"not the weights").hexdigest()
    with pytest.raises(CheckpointError, match=f"{digest}.*damaged or another model; fix: "):
        resolve(DEFAULT_BASE)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "weights.pt", "model.pkl", "2_Dense/pytorch_model.bin"]
)
def test_pickled_weights_are_refused(linked_model: Path, name: str) -> None:
    if "/" not in name:
        (linked_model / "model.safetensors").unlink()
    pickle = linked_model / name
    pickle.parent.mkdir(exist_ok=True)
    pickle.write_bytes(b"\x80\x04.")
    with pytest.raises(CheckpointError, match=f"only as pickles .*{name}.*safetensors"):
        resolve(str(linked_model))


def test_a_pickle_beside_safetensors_is_not_read(linked_model: Path) -> None:
    before = resolve(str(linked_model))
    (linked_model / "training_args.bin").write_bytes(b"\x80\x04.")
    assert resolve(str(linked_model)) == before


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no \*.safetensors weights"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "1_Pooling/config.json"])
def test_the_fingerprint_changes_with_every_file_that_counts(linked_model: Path, name: str) -> None:
    before = resolve(str(linked_model)).fingerprint
    file = linked_model / name
    content = file.read_text(encoding="utf-8")
    file.unlink()
    file.write_text(content + " ", encoding="utf-8")
    assert resolve(str(linked_model)).fingerprint != before


def test_sha256_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)
    assert sha256_of(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
