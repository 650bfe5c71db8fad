"""An instance of the function in this process: real channels and a real ledger, its time set by the test."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from alert import check
from breaker import Breaker
from channels import Channel
from channels.file import FileChannel
from channels.pagerduty import PagerDutyChannel
from channels.slack import SlackChannel
from channels.webhook import WebhookChannel
from delivered import Ledger, MarkerStore
from delivery import DeliveryFailed, deliver
from escalation import Route
from persistent_channel import PersistentChannel
from tests.function.conftest import PAGERDUTY_PATH, ROUTING_KEY, SLACK_PATH, TOKEN, WEBHOOK_PATH

TRY_SECONDS = 0.5


class ManualClock:
    """Seconds that pass only when somebody sleeps, or the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds


def channel(name: str, url: str, folder: Path) -> Channel:
    """A channel that sends to the server at `url`, or to a file in the folder."""
    if name == "slack":
        return SlackChannel(url + SLACK_PATH, try_seconds=TRY_SECONDS)
    if name == "pagerduty":
        return PagerDutyChannel(url + PAGERDUTY_PATH, ROUTING_KEY, try_seconds=TRY_SECONDS)
    if name == "webhook":
        return WebhookChannel(url + WEBHOOK_PATH, TOKEN, try_seconds=TRY_SECONDS)
    assert name == "file"
    return FileChannel(folder / "alerts.jsonl")


class Least(NamedTuple):
    """The least that a channel is told of."""

    breaches: int = 1
    severity: str = "info"


class Instance:
    def __init__(self, url: str, folder: Path, store: MarkerStore, least: Mapping[str, Least]) -> None:
        self.clock = ManualClock()
        self.breakers = {name: Breaker(name, clock=self.clock.now) for name in least}
        self._ledger = Ledger(store)
        self._routes = [
            Route(
                PersistentChannel(
                    channel(name, url, folder),
                    self.breakers[name],
                    clock=self.clock.now,
                    sleep=self.clock.sleep,
                ),
                bounds.severity,
                bounds.breaches,
            )
            for name, bounds in least.items()
        ]

    def push(self, content: Mapping[str, Any]) -> bool:
        """Deliver; whether the message is acknowledged."""
        try:
            deliver(check(content), self._routes, self._ledger)
        except DeliveryFailed:
            return False
        return True
