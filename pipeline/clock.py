"""The clock. Below the seam only `processed_at` and `emitted_at` are read from it."""

from __future__ import annotations

import time


def now_us() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


_STARTED_US = now_us() - time.monotonic_ns() // 1_000


def steady_now_us() -> int:
    """As now_us, by the clock as it was when the process began: it never goes back."""
    return _STARTED_US + time.monotonic_ns() // 1_000
