"""Folders to write to, and where files are kept that can be made again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(name: str) -> Path:
    """`$COMPOSITIONAL_RERANK_CACHE/NAME`, else a folder of that name in the user's cache folder."""
    chosen = os.environ.get("COMPOSITIONAL_RERANK_CACHE")
    if chosen:
        return Path(chosen) / name
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    return Path(base) / "compositional-rerank" / name


def absolute(path: str | os.PathLike[str]) -> str:
    """A path with the user's home folder put in, and independent of where the process goes later."""
    return str(Path(os.path.expanduser(path)).absolute())


def make_folder(folder: Path) -> None:
    """Make a folder and try to write to it: permissions do not tell all, as root has them all.

    Raises:
        OSError: it cannot be made, or nothing can be written there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
