"""What a process of the shop will do and when, on its own clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, NamedTuple

from generator.clock import NEVER_US, Clock


class Draft(NamedTuple):
    """An event the shop has just caused, before it becomes a message."""

    event_type: str
    fields: dict[str, Any]
    """Everything the contract wants but the event time. Nested values are shared: replace, never change."""
    age_us: int
    """How long before its publishing it happened; 0 unless it comes late."""


class Agenda:
    """A process's future steps, by time on its own clock; equal times keep their order."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._steps: list[tuple[float, int, Callable[[float], Draft | None]]] = []
        self._count = 0
        self.next_us = NEVER_US
        """When the next step is due; NEVER_US if there is none."""
        self.now_us = 0
        """When the step that is being done was due."""

    def add(self, own_seconds: float, step: Callable[[float], Draft | None]) -> None:
        """Do `step(own_seconds)` at `own_seconds`; it may cause an event and add more steps."""
        self._count += 1
        heapq.heappush(self._steps, (own_seconds, self._count, step))

    def look_ahead(self) -> None:
        """Work out `next_us`; needed after steps were added from outside."""
        self.next_us = self._clock.instant_us(self._steps[0][0]) if self._steps else NEVER_US

    def do_next(self) -> Draft | None:
        """Take the next step and return the event it caused, if any."""
        own_seconds, _, step = heapq.heappop(self._steps)
        self.now_us = self.next_us
        draft = step(own_seconds)
        self.look_ahead()
        return draft
