"""What the verbs that serve over HTTP share: whether they can, and what names their model and store."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from compositional_rerank._files import absolute
from compositional_rerank.cli._io import check_store
from compositional_rerank.errors import MissingDependencyError


def check_can_serve(verb: str) -> None:
    """Raise `MissingDependencyError` where a package of the extra is missing."""
    if missing := [name for name in ("fastapi", "uvicorn", "prometheus_client") if find_spec(name) is None]:
        raise MissingDependencyError(
            f"{verb} needs {', '.join(missing)}; fix: pip install 'compositional-rerank[serve]'"
        )


def parts_of(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of `Settings` that name the model and the store, a folder or the address of a server."""
    check_store(args.store)
    return {
        **{name: getattr(args, name) for name in ("model", "encoder", "verifier", "device", "backend")},
        "store": absolute(args.store) if isinstance(args.store, Path) else args.store,
    }
