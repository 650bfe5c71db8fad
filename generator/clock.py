"""The clocks of the shop's processes: they run faster when the shop is busy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from generator.instants import SECOND_US

STEP_SECONDS = (5.0, 60.0)
"""The shortest and the longest time for which a clock keeps its speed."""
_MESSAGES_A_STEP = 100.0
NEVER_US = 1 << 62


class Clock(Protocol):
    """What an agenda needs to know when its steps are due."""

    def instant_us(self, own_seconds: float) -> int:
        """Return when `own_seconds` is reached."""


def step_us(messages_per_second: float) -> int:
    """Return how long a clock may keep its speed: at low rates a step of 5 s would see no message."""
    shortest, longest = STEP_SECONDS
    return int(max(shortest, min(longest, _MESSAGES_A_STEP / messages_per_second)) * SECOND_US)


class ProcessClock:
    """Turns a process's own seconds into instants.

    A process (orders, visitors) is simulated on its own clock, where nothing ever changes; rhythm and
    incidents set that clock's speed. So a spike multiplies everything the process does from the
    incident's first instant to its last, without an echo of half-done orders after it, and the
    labels tell the truth.
    """

    def __init__(
        self,
        start_us: int,
        speed_at: Callable[[int], float],
        changes_us: Iterable[int] = (),
        step_us: int = int(STEP_SECONDS[0] * SECOND_US),
    ) -> None:
        """Start own time 0 at `start_us`.

        `speed_at(instant_us)` gives own seconds per second, ≥ 0; at `changes_us` it jumps. It drifts so
        slowly that it may be taken as constant for `step_us`, and is 0 only from one change to the next.
        """
        self._speed_at = speed_at
        self._changes_us = deque(sorted(change for change in changes_us if change > start_us))
        self._step_us = step_us
        self._own_from = self._own_until = 0.0
        self._from_us = self._until_us = start_us
        self._speed = 0.0

    def instant_us(self, own_seconds: float) -> int:
        """Return when `own_seconds` is reached, NEVER_US if the clock has stopped for good.

        Calls must not go back in time.
        """
        while own_seconds > self._own_until or self._speed == 0.0:
            if self._until_us == NEVER_US:
                return NEVER_US
            self._next_step()
        return self._from_us + int((own_seconds - self._own_from) / self._speed * SECOND_US)

    def _next_step(self) -> None:
        self._from_us, self._own_from = self._until_us, self._own_until
        while self._changes_us and self._changes_us[0] <= self._from_us:
            self._changes_us.popleft()
        change_us = self._changes_us[0] if self._changes_us else NEVER_US
        self._speed = self._speed_at(self._from_us)
        if self._speed == 0.0:
            self._until_us = change_us
            return
        self._until_us = min((self._from_us // self._step_us + 1) * self._step_us, change_us)
        self._own_until = self._own_from + self._speed * (self._until_us - self._from_us) / SECOND_US


class SteadyClock:
    """A clock that nothing speeds up: for what happens whether or not anybody orders."""

    def __init__(self, start_us: int) -> None:
        """Start own time 0 at `start_us`."""
        self._start_us = start_us

    def own_seconds(self, instant_us: int) -> float:
        """Return the own time that is reached at an instant."""
        return (instant_us - self._start_us) / SECOND_US

    def instant_us(self, own_seconds: float) -> int:
        """Return when `own_seconds` is reached, the inverse of `own_seconds` to the µs."""
        return self._start_us + round(own_seconds * SECOND_US)
