"""What a reranker and an embedder have in common: settings now, the model at first use, shared copies."""

from __future__ import annotations

from functools import partial
from threading import RLock
from typing import Any, Generic, TypeVar

_Parts = TypeVar("_Parts")


class LoadedOnce(Generic[_Parts]):
    """Loads its parts at first use, once, whichever thread comes first.

    Copies share what is loaded; a pickle holds `settings`, and the unpickled object loads anew. Two objects
    of the same settings are equal.
    """

    def __init__(self) -> None:
        self._parts: _Parts | None = None
        self._lock = RLock()

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of the constructor; what a pickle holds."""
        raise NotImplementedError

    def _load(self) -> _Parts:
        raise NotImplementedError

    def _loaded(self) -> _Parts:
        """The loaded parts; an error of loading propagates, and the next call tries again."""
        if self._parts is None:
            with self._lock:
                if self._parts is None:
                    self._parts = self._load()
        return self._parts

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self.settings), ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoadedOnce) and type(self) is type(other) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(tuple(self.settings.values()))
