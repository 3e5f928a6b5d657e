"""Start the playground: what can be checked is checked first, then the model is loaded."""

from __future__ import annotations

import logging.config
import webbrowser
from collections.abc import Callable
from threading import Event

from starlette.middleware.trustedhost import TrustedHostMiddleware

from compositional_rerank.serving.http.app import create_app
from compositional_rerank.serving.http.run import LOOPBACK, address_of, bound, check, log_config, run_app
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
        InputError: a setting cannot be used, or the address.
        ModelNotFoundError: no place has the model.
        CheckpointError: a file of the model is damaged.
        StoreError: the folder cannot be used as a store.
    """
    check(settings)
    logging.config.dictConfig(log_config("warning"))
    logging.getLogger("uvicorn.error").setLevel("WARNING")  # what it says of its start is no news
    logging.captureWarnings(True)
    with bound(host, port) as listener:
        tell("loading the model")
        leaving = Event()
        app = create_app(settings, leaving, more=playground_routes)
        if host in LOOPBACK:
            # a page elsewhere whose name was made to point to this machine is not answered
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
        listener.listen()
        address = f"{address_of(host, listener.getsockname()[1])}/"
        tell(f"playground at {address} (Ctrl-C ends it)")
        if browser and not webbrowser.open(address):
            tell("no browser could be started: open the address yourself")
        run_app(app, settings, leaving, listener)
