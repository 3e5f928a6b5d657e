"""config.json of a checkpoint: round trip, damage, and what `locate` makes of a name."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.checkpoints.config import CONFIG_FILE, VERIFIER_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.errors import CheckpointError, ModelNotFoundError


@pytest.fixture
def folder(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """A checkpoint of the test's own to spoil."""
    return Path(shutil.copytree(checkpoint_folder, tmp_path / "checkpoint"))


def rewrite(folder: Path, **changes: Any) -> None:
    """Change fields of config.json; None removes one; a key with two underscores is a nested one."""
    raw = json.loads((folder / CONFIG_FILE).read_text())
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = raw[outer[0]] if outer else raw
        if value is None:
            del place[last]
        else:
            place[last] = value
    (folder / CONFIG_FILE).write_text(json.dumps(raw))


def test_what_is_saved_is_loaded(folder: Path, tmp_path: Path) -> None:
    config = CheckpointConfig.load(folder)
    changed = dataclasses.replace(config, pooled_weight=0.125, base_name="älter/模型")
    changed.save(folder)
    assert CheckpointConfig.load(folder) == changed != config


def test_locate_finds_checkpoint_and_base(folder: Path) -> None:
    found = locate(folder)
    assert (found.name, found.folder) == (str(folder), folder)
    assert found.config is not None
    assert found.base.name == found.config.base_name == DEFAULT_BASE
    assert found.base.sha256 == found.config.base_sha256
    assert locate(str(folder)) == found


def test_locate_takes_a_base_model_alone() -> None:
    found = locate("all-MiniLM-L6-v2")
    assert (found.folder, found.config) == (None, None)
    assert found.name == found.base.name == DEFAULT_BASE


def test_a_base_in_a_folder_is_no_checkpoint(linked_model: Path) -> None:
    assert locate(linked_model).config is None


def test_a_name_that_nothing_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="nobody/nothing"):
        locate("nobody/nothing")


def test_damaged_weights_are_not_loaded(folder: Path) -> None:
    content = bytearray((folder / VERIFIER_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / VERIFIER_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"verifier\.safetensors: sha256 is .* the file is damaged"):
        CompositionalReranker.from_pretrained(folder, device="cpu")


def test_half_a_file_is_not_loaded(folder: Path) -> None:
    content = (folder / VERIFIER_FILE).read_bytes()
    (folder / VERIFIER_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        locate(folder)


def test_a_missing_verifier_is_named(folder: Path) -> None:
    (folder / VERIFIER_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"verifier\.safetensors: sha256 is no such file"):
        locate(folder)


def test_a_missing_config_is_named(folder: Path) -> None:
    (folder / CONFIG_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"config\.json"):
        locate(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"', "{}", "\xff", "[" * 100_000])
def test_a_damaged_config_is_named(folder: Path, content: str) -> None:
    (folder / CONFIG_FILE).write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"config\.json is no config of a checkpoint"):
        locate(folder)


@pytest.mark.parametrize(
    "field",
    [
        *("format base base__name base__sha256 pooled_weight fusion fusion__least_closeness files".split()),
        *("verifier__calibration verifier__window verifier__max_verified".split()),
    ],
)
def test_a_missing_field_is_an_error(folder: Path, field: str) -> None:
    rewrite(folder, **{field: None})
    with pytest.raises(CheckpointError, match=field.split("__")[-1]):
        locate(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pooled_weight", 1.0),
        ("pooled_weight", "much"),
        ("fusion__bonus", 2),
        ("fusion__least_closeness", float("nan")),
        ("fusion__new_field", 1),
        ("verifier__calibration", 1.0),
        ("verifier__calibration", {"curves": {}}),
        ("verifier__calibration", {"curves": {"statement": [1.0, 0.0, 0.0, 0.0, 0.0]}}),
        ("verifier__max_tokens", 2),
        ("verifier__window", 0),
        ("verifier__windows", 0),
        ("verifier__windows", "two"),
        ("verifier__first", -1),
        ("files", {}),
        ("files", 3),
        ("files", {"../../secret": "0" * 64}),
        ("files", {"x" * 5000: "0" * 64}),
        ("base", {"name": 7, "sha256": ""}),
        ("pooled_weight", 10**400),
        ("verifier__max_tokens", 64.5),
        ("verifier__windows", True),
    ],
)
def test_a_wrong_value_is_an_error(folder: Path, field: str, value: object) -> None:
    rewrite(folder, **{field: value})
    with pytest.raises(CheckpointError):
        locate(folder)


def test_another_format_says_what_to_do(folder: Path) -> None:
    rewrite(folder, format=99)
    with pytest.raises(CheckpointError, match="has format 99; this version reads format 3: update"):
        locate(folder)


def test_a_checkpoint_for_another_base(folder: Path) -> None:
    rewrite(folder, base__sha256="0" * 64)
    with pytest.raises(
        CheckpointError, match=r"was trained on .* install the model that the checkpoint names"
    ):
        locate(folder)


def test_a_base_that_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    rewrite(folder, base__name="nobody/gone")
    with pytest.raises(ModelNotFoundError, match="nobody/gone"):
        locate(folder)
