"""Memory of processes that go through chunk after chunk, each made of a hundred thousand objects."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 32_000_000
_GIVEN_BACK_BYTES = 1_000_000
_GIVE_BACK_SECONDS = 0.5
_SPARE_BYTES = 64_000_000
"""What may lie free between the parts of a run: a page that was given back takes microseconds to get anew."""


def share_one_heap() -> None:
    """Let the threads of this process, and of those forked from it, take their memory from one heap.

    The C library gives each thread a heap of its own, and what one thread has freed no other can use: with
    Beam's dozens of threads a third of the memory is held for nobody.
    """
    _set(_M_ARENA_MAX, 1)


def settle() -> None:
    """Prepare this process for large chunks. Does no harm if repeated.

    None of a chunk's objects is in a cycle: the garbage collector would look at all of them again and again,
    a quarter of the time. And what one chunk has freed is kept for the next: the C library would give it
    back, and the kernel has to clear every page that it hands out anew.
    """
    gc.freeze()
    gc.disable()
    _set(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    _set(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    pa.set_memory_pool(pa.system_memory_pool())


def collect() -> None:
    """Free the cycles that have come about since the last time."""
    gc.collect(0)


def give_back() -> None:
    """Give back what is free, and keep no more: what one part of a run needs the next does not."""
    _set(_M_TRIM_THRESHOLD, _GIVEN_BACK_BYTES)
    _set(_M_MMAP_THRESHOLD, _GIVEN_BACK_BYTES)
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def giving_back() -> Iterator[None]:
    """Meanwhile, give back now and then what is free, if it is much.

    For the process that has its workers do the work: it keeps what they shuffle, part after part, and in the
    holes of one part's the next does not fit.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(_GIVE_BACK_SECONDS):
            if _free_bytes() > _SPARE_BYTES:
                give_back()

    thread = threading.Thread(target=work, name="give back memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def unsettle() -> None:
    """Give the process its garbage collector back, for what comes from now on.

    What was there before `settle` stays out of its sight: a worker ends after this, and would take a second
    to look at all of it once more.
    """
    gc.enable()


class _Mallinfo2(ctypes.Structure):
    """The C library's struct of this name, see mallinfo(3)."""

    _fields_ = (
        ("others", ctypes.c_size_t * 8),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    )


def _free_bytes() -> int:
    """What the C library keeps for this process and nobody uses; if it does not tell, as if it were much."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):  # GNU's has it since 2.33
        return sys.maxsize
    mallinfo2.restype = _Mallinfo2
    free_bytes: int = mallinfo2().fordblks
    return free_bytes


def _set(parameter: int, value: int) -> None:
    with suppress(AttributeError, OSError):  # another C library than GNU's
        ctypes.CDLL(None).mallopt(parameter, value)
