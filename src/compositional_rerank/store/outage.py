"""A store that does not answer: one warning, and a pause before it is asked again."""

from __future__ import annotations

import time
import warnings
from threading import Lock

from compositional_rerank.errors import StoreError

_FIRST, _LONGEST = 1.0, 30.0  # seconds of a pause; each failure in a row doubles it


class Outage:
    """Counts a store's failures and says when to leave it alone, so that a slow one slows few queries.

    Args:
        means: what the warning says before the error.
    """

    def __init__(self, means: str) -> None:
        self.failures = 0
        """How many reads, or writes, have failed."""
        self._means = means
        self._lock = Lock()
        self._row = 0  # failures since it last answered
        self._again = 0.0  # when to ask it again
        self._probing = False  # whether a thread asks it after a pause

    def is_time(self) -> bool:
        """Whether to ask the store: after a pause one thread does, and the others go on without it."""
        if self._row == 0:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._again:
                return False
            self._again = now + self._pause()
            self._probing = True
            return True

    @property
    def is_on(self) -> bool:
        """Whether the store failed the last time."""
        return self._row > 0

    def answered(self) -> None:
        """The store works."""
        if self._row:
            with self._lock:
                self._row = 0

    def failed(self, error: StoreError) -> None:
        """It does not: the first time in a row that is worth a warning."""
        with self._lock:
            self.failures += 1
            if self._row and not self._probing:
                return  # asked before it was known: threads that fail together are one failure
            self._probing = False
            self._row += 1
            self._again = time.monotonic() + self._pause()
            if self._row > 1:
                return
        warnings.warn(f"{self._means}: {error}", RuntimeWarning, stacklevel=5)

    def _pause(self) -> float:
        return min(_LONGEST, _FIRST * 2.0 ** min(self._row - 1, 8))
