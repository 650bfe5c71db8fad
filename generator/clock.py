"""The clocks of the shop's processes: they run faster when the shop is busy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from generator.instants import SECOND_US

STEP_US = 5 * SECOND_US
"""A clock keeps its speed for at most this long."""


class ProcessClock:
    """Turns a process's own seconds into instants.

    A process (orders, visitors) is simulated on its own clock, where nothing ever changes; rhythm and
    incidents set that clock's speed. So a spike multiplies everything the process does from the
    incident's first instant to its last, without an echo of half-done orders after it, and the
    labels tell the truth.
    """

    def __init__(
        self, start_us: int, speed_at: Callable[[int], float], changes_us: Sequence[int] = ()
    ) -> None:
        """Start own time 0 at `start_us`.

        `speed_at(instant_us)` gives own seconds per second, ≥ 0; at `changes_us` it jumps.
        """
        self._speed_at = speed_at
        self._changes_us = sorted(change for change in changes_us if change > start_us)
        self._own_from = self._own_until = 0.0
        self._from_us = self._until_us = start_us
        self._speed = 0.0

    def instant_us(self, own_seconds: float) -> int:
        """Return when `own_seconds` is reached; calls must not go back in time."""
        while own_seconds > self._own_until or self._speed == 0.0:
            self._next_step()
        return self._from_us + int((own_seconds - self._own_from) / self._speed * SECOND_US)

    def _next_step(self) -> None:
        self._from_us, self._own_from = self._until_us, self._own_until
        self._until_us = (self._from_us // STEP_US + 1) * STEP_US
        while self._changes_us and self._changes_us[0] <= self._from_us:
            self._changes_us.pop(0)
        if self._changes_us and self._changes_us[0] < self._until_us:
            self._until_us = self._changes_us[0]
        self._speed = self._speed_at(self._from_us)
        self._own_until = self._own_from + self._speed * (self._until_us - self._from_us) / SECOND_US
