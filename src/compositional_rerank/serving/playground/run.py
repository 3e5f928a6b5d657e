"""Start the playground: what can be checked is checked first, then the model is loaded."""

from __future__ import annotations

import logging
import socket
import webbrowser
from collections.abc import Callable

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from compositional_rerank.errors import InputError
from compositional_rerank.serving.http.app import create_app
from compositional_rerank.serving.http.run import LOOPBACK, check, log_config
from compositional_rerank.serving.http.settings import Settings
from compositional_rerank.serving.playground.routes import playground_routes


def play(settings: Settings, host: str, port: int, *, browser: bool, tell: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        settings: of the service behind the page.
        host: address to listen on.
        port: 0 takes a free one.
        browser: whether to open the page in the user's browser.
        tell: is told what happens, and the page's address once it can be opened.

    Raises:
        InputError: a setting cannot be used, or the address is taken.
        ModelNotFoundError: no place has the model.
        CheckpointError: a file of the model is damaged.
    """
    check(settings)
    with _listening(host, port) as listening:
        tell("loading the model")
        logging.captureWarnings(True)
        app = create_app(settings, more=playground_routes)
        if host in LOOPBACK:
            # a page elsewhere whose name was made to point to this machine is not answered
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
        config = uvicorn.Config(
            app,
            access_log=False,
            server_header=False,
            log_level="warning",
            log_config=log_config("warning"),
            timeout_graceful_shutdown=5,
        )
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/"
        tell(f"playground at {address} (Ctrl-C ends it)")
        if browser and not webbrowser.open(address):
            tell("no browser could be started: open the address yourself")
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; --port 0 takes a free port, "
            "--host another address"
        ) from error
