"""The channels people are told on, one module each."""

from __future__ import annotations

from typing import Protocol

from alert import Alert


class Unavailable(Exception):
    """The channel did not take the alert, but may take it later."""


class Refused(Exception):
    """The channel will never take this alert: trying again is of no use."""


class Channel(Protocol):
    """Somewhere an alert is sent to."""

    name: str
    holds_incidents: bool
    """Whether it keeps an incident open until it hears `resolved`, and would keep one that opens after it."""

    def send(self, alert: Alert) -> None:
        """Send the alert. Raises Unavailable or Refused; neither shows a secret."""
