"""Start a service: what can be checked is checked first, then uvicorn starts its processes."""

from __future__ import annotations

import copy
import os
import tempfile
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from compositional_rerank._validation import check_backend, check_device
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.errors import InputError
from compositional_rerank.serving.http.metrics import FOLDER_VARIABLE
from compositional_rerank.serving.http.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""


def serve(settings: Settings, host: str, port: int, log_level: str) -> None:
    """Serve until SIGINT or SIGTERM; workers are spawned, not forked, and each loads the model.

    Args:
        settings: of the service.
        host: address to listen on.
        port: 0 takes a free one, which the log names.
        log_level: of uvicorn, ``"warning"`` for no line a request.

    Raises:
        InputError: a setting cannot be used.
        ModelNotFoundError: no place has the model.
        CheckpointError: a file of the model is damaged.
    """
    check(settings)
    settings.hand_on()
    # What a request may take, and a little, before a stopping worker is told to give up.
    patience = int(settings.timeout) + 5
    options: dict[str, Any] = {
        "factory": True,
        "host": host,
        "port": port,
        "workers": settings.workers,
        "access_log": False,
        "server_header": False,
        "log_level": log_level,
        "log_config": log_config(log_level),
        "timeout_graceful_shutdown": patience,
        "timeout_keep_alive": 30,
    }
    application = "compositional_rerank.serving.http.app:from_settings_handed_on"
    if settings.workers == 1:
        uvicorn.run(application, **options)
        return
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # there is a process for each core
    with tempfile.TemporaryDirectory(prefix="compositional-rerank-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        uvicorn.run(application, **options)


def check(settings: Settings) -> None:
    """Find out before any process starts whether the settings can be used."""
    settings.keys()
    check_backend(settings.backend, settings.device)
    check_device(settings.device)
    config = locate(settings.model).config
    if settings.sensitivity and (config is None or config.structural is None):
        raise InputError(
            f"--sensitivity {settings.sensitivity:g} needs a checkpoint with a structural part: leave it out"
        )
    if settings.store is not None:
        from compositional_rerank.store import FileStore

        FileStore(settings.store)


def is_open(settings: Settings, host: str) -> bool:
    """Whether other machines may call the service without a key."""
    return host not in LOOPBACK and not settings.keys()


def log_config(level: str) -> dict[str, Any]:
    """uvicorn's log, and the service's beside it, on stderr."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["formatters"]["default"] = {"format": "%(asctime)s %(levelname)s %(message)s"}
    for name in ("compositional_rerank", "py.warnings"):
        config["loggers"][name] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    return config
