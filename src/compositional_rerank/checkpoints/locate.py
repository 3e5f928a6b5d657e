"""A checkpoint and its base model by name or path."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.checkpoints.base_models import (
    DEFAULT_BASE,
    SHIPPED_NAME,
    ModelFiles,
    check_model_name,
    resolve,
)
from compositional_rerank.checkpoints.config import (
    CONFIG_FILE,
    PROJECTION_FILE,
    VERIFIER_FILE,
    CheckpointConfig,
)
from compositional_rerank.errors import CheckpointError, ModelNotFoundError

BASE = "base"
_SHIPPED = Path(__file__).parent / "default"


@dataclass(frozen=True)
class Located:
    """A model by name or path: a base model, and the checkpoint on top of it where there is one."""

    name: str
    base: ModelFiles
    folder: Path | None = None
    config: CheckpointConfig | None = None

    @property
    def projection(self) -> Path | None:
        """File with the projection of token vectors; None keeps all of the base model's dimensions."""
        if self.folder is None or self.config is None or PROJECTION_FILE not in self.config.files:
            return None
        return self.folder / PROJECTION_FILE


def locate(name_or_path: str | os.PathLike[str] | None) -> Located:
    """Find a checkpoint and its base model, or a base model alone.

    Args:
        name_or_path: a checkpoint's folder, or what `checkpoint.resolve` takes; None or `SHIPPED_NAME` is
            the shipped checkpoint.

    Raises:
        InputError: the name is no text, or blank.
        ModelNotFoundError: no place has the model, or the checkpoint's base model.
        CheckpointError: a file is damaged, or the base model is not the one it was trained on.
    """
    if name_or_path is None or name_or_path == SHIPPED_NAME:
        folder, name = _SHIPPED, SHIPPED_NAME
    else:
        check_model_name(name_or_path)
        folder, name = Path(os.path.expanduser(name_or_path)), str(name_or_path)
    if not _is_checkpoint(folder):
        base = resolve(DEFAULT_BASE if name_or_path is None else name_or_path)
        return Located(base.name, base)
    config = CheckpointConfig.load(folder)
    base = _base(folder, config)
    if base.sha256 != config.base_sha256:
        raise CheckpointError(
            f"{folder} was trained on {config.base_name} with model.safetensors {config.base_sha256}, but "
            f"{base.path} holds {base.sha256}: install the model that the checkpoint names"
        )
    return Located(name, base, folder, config)


def _base(folder: Path, config: CheckpointConfig) -> ModelFiles:
    """A checkpoint's base model: its own folder `BASE`, or a link of that name, else by the name it gives."""
    if (folder / BASE).is_dir():
        return dataclasses.replace(resolve(folder / BASE), name=config.base_name)
    try:
        return resolve(config.base_name)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"{folder} needs its base model: {error}; or put the base model's folder, or a link to it, into "
            f"{folder} under the name {BASE}"
        ) from error


def shipped_config() -> CheckpointConfig:
    """The shipped checkpoint's configuration, whether its base model is here or not."""
    return CheckpointConfig.load(_SHIPPED)


def _is_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint of this library, maybe a damaged one, rather than a base model."""
    if os.path.isfile(folder / VERIFIER_FILE):  # Path.is_file() raises where a name is too long
        return True
    if not os.path.isfile(folder / CONFIG_FILE):
        return False
    content = (folder / CONFIG_FILE).read_text(encoding="utf-8", errors="replace")
    return f'"{VERIFIER_FILE}"' in content
