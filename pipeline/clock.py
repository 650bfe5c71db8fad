"""The clock. Below the seam only `processed_at` and `emitted_at` are read from it."""

from __future__ import annotations

import time


def now_us() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000
