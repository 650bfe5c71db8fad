"""The channels people are told on, one module each."""

from __future__ import annotations

from typing import Protocol

from alert import Alert


class Unavailable(Exception):
    """The channel did not take the alert, but may take it later."""

    def __init__(self, text: str, retry_after_seconds: float = 0.0) -> None:
        """`retry_after_seconds`: how long the channel asked to be left alone."""
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class NotCalled(Unavailable):
    """The channel was not called at all: it is known to take nothing now."""


class Refused(Exception):
    """The channel will never take this alert: trying again is of no use."""


class Channel(Protocol):
    """Somewhere an alert is sent to."""

    name: str
    holds_incidents: bool
    """Whether it keeps an incident open until it hears `resolved`, and would keep one that opens after it."""
    hears_late_states: bool
    """Whether it is still sent `open` or `ongoing` once it has `resolved`: a record wants them, but people
    would take them for news."""

    def send(self, alert: Alert) -> None:
        """Send the alert. Raises Unavailable or Refused; neither shows a secret."""
