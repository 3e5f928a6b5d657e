"""What becomes of memory that is freed, in a process that many threads share."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)
_BYTES = 1 << 18
_ARENAS = 2


def return_freed_memory() -> bool:
    """Have large blocks go back to the system as soon as they are freed; for a process of one's own.

    glibc does so by itself, until a large block is freed: from then on blocks of that size, up to 32 MiB,
    come from heaps of which each thread keeps what it freed. A service whose lists are of every length then
    grows for hours. Settings of the whole process, so no library should make them unasked.

    Returns:
        Whether this system has such settings: Linux with glibc.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    settings = ((_MMAP_THRESHOLD, _BYTES), (_TRIM_THRESHOLD, _BYTES), (_ARENA_MAX, _ARENAS))
    done = [library.mallopt(name, value) for name, value in settings]
    return done == [1, 1, 1]
