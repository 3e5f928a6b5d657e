"""Load models without the progress bars that transformers draws for files that are already on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_loading = 0  # loads under way, in all threads
_to_restore = (False, False)  # whether transformers' and the hub's bars were on before the first of them


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Switch the bars of transformers off; the last of overlapping blocks puts them back as they were.

    Example:
        >>> from transformers.utils import logging
        >>> before = logging.is_progress_bar_enabled()
        >>> with quiet_loading():
        ...     logging.is_progress_bar_enabled()
        False
        >>> logging.is_progress_bar_enabled() == before
        True
    """
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars
    from transformers.utils import logging

    global _loading, _to_restore
    with _lock:
        if _loading == 0:
            _to_restore = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        _loading += 1
    try:
        yield
    finally:
        with _lock:
            _loading -= 1
            if _loading == 0:
                transformers_bars, hub_bars = _to_restore
                if transformers_bars:
                    logging.enable_progress_bar()  # type: ignore[no-untyped-call]
                    if not hub_bars:
                        disable_progress_bars()
