"""Lazy: a value made on first use, for adapters whose configuration travels and whose model does not."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """The result of ``make(*arguments)``, made on first use and once, whichever thread comes first.

    Copies share the value. A pickle holds the recipe only, and the unpickled object makes the value anew.

    Args:
        make: a module-level function, so that a pickle can name it.
        arguments: what to call it with.
        made: the value, where it is there already.

    Example:
        >>> lazy = Lazy(sorted, "ba")
        >>> lazy.get() is lazy.get()
        True
    """

    def __init__(self, make: Callable[..., T], *arguments: Any, made: T | None = None) -> None:
        self._recipe = (make, arguments)
        self._made = made
        self._lock = Lock()

    def get(self) -> T:
        """The value; an error of ``make`` propagates, and the next call tries again."""
        with self._lock:
            if self._made is None:
                make, arguments = self._recipe
                self._made = make(*arguments)
            return self._made

    def holding(self, made: T) -> Lazy[T]:
        """The same recipe with a value that is there already."""
        make, arguments = self._recipe
        return Lazy(make, *arguments, made=made)

    def __reduce__(self) -> tuple[Any, ...]:
        make, arguments = self._recipe
        return Lazy, (make, *arguments)

    def __copy__(self) -> Lazy[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Lazy[T]:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lazy) and self._recipe == other._recipe

    def __hash__(self) -> int:
        return hash(self._recipe)
