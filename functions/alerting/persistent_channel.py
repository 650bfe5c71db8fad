"""A channel that is tried several times, and left alone while it is known to take nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from alert import Alert
from breaker import Breaker, BreakerOpen
from channels import Channel, NotCalled, Unavailable
from channels.http_post import TRY_SECONDS
from structured_log import log_line

MAX_TRIES = 4
FIRST_WAIT_SECONDS = 1.0
"""The waits double: 1, 2, 4 s."""
MAX_JITTER_SECONDS = 0.5
"""Added to each wait, so that instances do not come back together."""
LAST_START_SECONDS = 20.0
"""After the first try; what would begin later is left to the trigger."""
LONGEST_SEND_SECONDS = LAST_START_SECONDS + TRY_SECONDS

_CLOCK_GRAIN_SECONDS = 0.001  # who slept until the end of a pause must not find a rest of it


class PersistentChannel:
    """Sends by another channel: again after 1, 2 and 4 s, not while its breaker is open, and not before it
    wants to be called (Retry-After)."""

    def __init__(
        self,
        channel: Channel,
        breaker: Breaker | None = None,
        *,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
        max_jitter_seconds: float = MAX_JITTER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock`: seconds that only grow; `sleep`: waits so many of them."""
        self.name = channel.name
        self.holds_incidents = channel.holds_incidents
        self.hears_late_states = channel.hears_late_states
        self._channel = channel
        self._breaker = breaker or Breaker(channel.name, clock=clock)
        self._backoff = wait_exponential(multiplier=first_wait_seconds) + wait_random(0, max_jitter_seconds)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._paused_until: float | None = None

    def check(self) -> None:
        """Raise NotCalled if `send` would not call the channel: then nobody needs to claim the delivery."""
        if not self._breaker.lets_through:
            raise BreakerOpen("its circuit breaker is open")
        if (pause := self._pause_seconds()) > LAST_START_SECONDS:
            raise NotCalled(f"it asked not to be called for another {pause:.0f} s")

    def send(self, alert: Alert) -> None:
        """Send the alert, within LONGEST_SEND_SECONDS. Raises Unavailable (of the last try) or Refused."""
        started = self._clock()

        def wait(state: RetryCallState) -> float:
            return max(self._backoff(state), self._pause_seconds())

        def stop(state: RetryCallState) -> bool:
            if state.attempt_number >= MAX_TRIES or not self._breaker.lets_through:
                return True
            return self._clock() - started + state.upcoming_sleep > LAST_START_SECONDS

        Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait,
            stop=stop,
            sleep=self._sleep,
            before_sleep=self._tell_of_next_try,
            reraise=True,
        )(self._try_once, alert)

    def _try_once(self, alert: Alert) -> None:
        if (pause := self._pause_seconds()) > 0:
            raise NotCalled(f"it asked not to be called for another {pause:.0f} s")
        try:
            self._breaker.call(lambda: self._channel.send(alert))
        except Unavailable as fault:
            if fault.retry_after_seconds > 0:
                self._pause(fault.retry_after_seconds)
            raise

    def _pause(self, seconds: float) -> None:
        until = self._clock() + seconds
        with self._lock:
            self._paused_until = max(until, self._paused_until or until)
        if seconds > LAST_START_SECONDS:
            log_line("WARNING", f"A channel asks not to be called for {seconds:.0f} s", channel=self.name)

    def _pause_seconds(self) -> float:
        with self._lock:
            left = 0.0 if self._paused_until is None else self._paused_until - self._clock()
        return left if left > _CLOCK_GRAIN_SECONDS else 0.0

    def _tell_of_next_try(self, state: RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        log_line(
            "INFO",
            f"A channel did not take an alert; it is tried again in {state.upcoming_sleep:.1f} s",
            channel=self.name,
            detail=str(fault),
        )
