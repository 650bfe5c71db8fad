"""A circuit breaker: it leaves a channel alone that has failed several times in a row.

Ours, because of those on offer one holds its lock during the call, so that every alert would wait for the
slowest, and the others let every thread try at once when they half-open (docs/adr/0009-once-only-markers.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from channels import NotCalled, Refused, Unavailable
from structured_log import log_line

MAX_FAILURES = 5
OPEN_SECONDS = 30.0


class BreakerOpen(NotCalled):
    """The breaker let nothing through."""


class Breaker:
    """Closed, it lets every call through; open, none; half-open, exactly one, whose end decides."""

    def __init__(
        self,
        name: str,
        *,
        max_failures: int = MAX_FAILURES,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_failures`: in a row, until it opens. `clock`: seconds that only grow."""
        self._name = name
        self._max_failures = max_failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._is_trying = False
        self._period = 0  # grows with every change: a call that began in an earlier one decides nothing

    @property
    def lets_through(self) -> bool:
        """Whether a call that came now would be made."""
        with self._lock:
            return self._lets_through()

    def call(self, function: Callable[[], None]) -> None:
        """Call the function. Raises BreakerOpen without a call, and whatever the function raises.

        Only Unavailable is a failure of the channel. Refused is an answer: the channel works.
        """
        period = self._enter()
        try:
            function()
        except Unavailable:
            self._failed(period)
            raise
        except Refused:
            self._answered(period)
            raise
        except BaseException:
            self._undecided(period)
            raise
        self._answered(period)

    def _lets_through(self) -> bool:
        if self._opened_at is None:
            return True
        return not self._is_trying and self._clock() - self._opened_at >= self._open_seconds

    def _enter(self) -> int:
        with self._lock:
            if not self._lets_through():
                raise BreakerOpen("its circuit breaker is open")
            if self._opened_at is not None:
                self._is_trying = True
                self._period += 1
            return self._period

    def _failed(self, period: int) -> None:
        with self._lock:
            if period != self._period:
                return
            self._failures += 1
            if not self._is_trying and self._failures < self._max_failures:
                return
            is_new = not self._is_trying
            self._opened_at, self._is_trying = self._clock(), False
            self._period += 1
        if is_new:
            log_line(
                "WARNING",
                f"A channel failed {self._max_failures} times in a row; it is left alone for "
                f"{self._open_seconds:g} s, then tried once",
                channel=self._name,
            )

    def _answered(self, period: int) -> None:
        with self._lock:
            if period != self._period:
                return
            was_open = self._opened_at is not None
            self._failures, self._opened_at, self._is_trying = 0, None, False
            self._period += was_open
        if was_open:
            log_line("NOTICE", "A channel answers again", channel=self._name)

    def _undecided(self, period: int) -> None:
        with self._lock:
            if period == self._period:
                self._is_trying = False
