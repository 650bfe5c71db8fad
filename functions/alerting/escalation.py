"""Which channel is told of which state of an alert: by severity, by breaches, by what it was told before."""

from __future__ import annotations

from typing import NamedTuple

from alert import SEVERITIES, Alert
from delivered import Record
from persistent_channel import PersistentChannel


class Route(NamedTuple):
    """A channel, and the least that it is told of."""

    channel: PersistentChannel
    min_severity: str
    min_breaches: int
    """Windows in a row in breach."""


def why_not_told(alert: Alert, route: Route, record: Record) -> str | None:
    """Return why the channel is not told of this state, None if it is.

    Pub/Sub keeps no order. A `resolved` that overtakes the others says itself whether the channel was to be
    told: it carries the alert's gravest severity and its longest row of breaches. What comes after it is old.
    """
    if alert.state == "resolved":
        if record.was_told("open") or record.was_told("ongoing"):
            return None  # who was told of the alert is told of its end
    elif record.was_told("resolved") and not route.channel.hears_late_states:
        return "the channel was told that it is resolved"
    elif record.is_settled("resolved") and route.channel.holds_incidents:
        return "it is resolved, and nobody would close the incident"
    return _too_little(alert, route)


def _too_little(alert: Alert, route: Route) -> str | None:
    if SEVERITIES.index(alert.severity) < SEVERITIES.index(route.min_severity):
        return f"{alert.severity}, told from {route.min_severity} on"
    # Without a count there is no row to wait for: to wait would be to lose the alert.
    if alert.breaches is not None and alert.breaches < route.min_breaches:
        return f"breaches in a row: {alert.breaches}, told from {route.min_breaches} on"
    return None
