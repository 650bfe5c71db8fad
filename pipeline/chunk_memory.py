"""Memory of a process that goes through chunk after chunk, each made of a hundred thousand objects."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256_000_000


def settle() -> None:
    """Prepare this process for large chunks. Does no harm if repeated.

    None of a chunk's objects is in a cycle: the garbage collector would look at all of them again and again,
    a quarter of the time. And what one chunk has freed is kept for the next: the C library would give it
    back, and the kernel has to clear every page that it hands out anew.
    """
    gc.freeze()
    gc.disable()
    with suppress(AttributeError, OSError):  # another C library than GNU's
        c_library = ctypes.CDLL(None)
        c_library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        c_library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    pa.set_memory_pool(pa.system_memory_pool())


def collect() -> None:
    """Free the cycles that have come about since the last time."""
    gc.collect(0)


def unsettle() -> None:
    """Give the process its garbage collector back."""
    gc.enable()
    gc.unfreeze()
