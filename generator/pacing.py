"""Real time: messages leave when they are due."""

from __future__ import annotations

import threading
import time

from generator.instants import SECOND_US

_EARLY_SECONDS = 0.001
"""Messages due this soon go out at once: waking up for each would cost more than sending it."""
MOST_BEHIND_SECONDS = 1.0


def now_us() -> int:
    """Return µs since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


class Pacer:
    """Holds messages back until they are due, by the monotonic clock and without drift.

    After a stall it catches up as fast as it can, but with at most a second's worth of messages;
    what it was further behind is lost and reported, so that the simulation can be postponed.
    """

    def __init__(self, start_us: int, stop: threading.Event) -> None:
        """Make `start_us` (simulated) now; a set `stop` ends every wait."""
        self._stop = stop
        self._start_us = start_us
        self._begun = time.monotonic()

    def wait_until(self, instant_us: int) -> int:
        """Wait for an instant of the plan; return by how many µs the rest must be postponed."""
        due = self._begun + (instant_us - self._start_us) / SECOND_US
        ahead = due - time.monotonic()
        if ahead > _EARLY_SECONDS:
            self._stop.wait(ahead)
        elif ahead < -MOST_BEHIND_SECONDS:
            return int((-ahead - MOST_BEHIND_SECONDS) * SECOND_US)
        return 0
