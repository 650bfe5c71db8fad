"""The demo's alerts: which incident each belongs to, and when the function delivered it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from local.report.findings import AlertLife

WINDOW = timedelta(seconds=5)
"""Length of the demo's windows."""
FOUND_BY = {"bad_deploy": "low_validity", "order_spike": "spike"}
"""Kind of an incident that the demo injects -> kind of the alert that must tell of it."""
END_OF_RUN = "end of the run"
_MOST_LAG = timedelta(seconds=3)
"""Between an order's own time and its publishing, late ones aside."""


class Incident(NamedTuple):
    """What the generator broke, and when."""

    kind: str
    start: datetime
    end: datetime


class ToldAlert(NamedTuple):
    """An alert, when the function told of each of its states, and what it belongs to."""

    life: AlertLife
    delivered_at: Mapping[str, datetime]
    """State -> when."""
    incident: str | None
    """Kind of the incident during which it opened; END_OF_RUN once no order came any more."""

    @property
    def arrived_at(self) -> datetime | None:
        """When the function first told of it."""
        return min(self.delivered_at.values(), default=None)

    @property
    def is_complete(self) -> bool:
        """Whether it opened, arrived and was resolved, and both ends were told."""
        return self.life.resolved_at is not None and {"open", "resolved"} <= self.delivered_at.keys()

    def as_dict(self) -> dict[str, Any]:
        """What the demo shows of it, and keeps in its summary."""
        life = self.life
        return {
            "opened_at": life.opened_at,
            "kind": life.kind,
            "about": life.about,
            "severity": life.severity,
            "breaches": life.breaches,
            "arrived_at": self.arrived_at,
            "resolved_at": life.resolved_at,
            "incident": self.incident,
            "summary": life.summary,
        }


def read_incidents(labels: Path) -> list[Incident]:
    """Return what the generator's labels say."""
    return [
        Incident(label["kind"], datetime.fromisoformat(label["start"]), datetime.fromisoformat(label["end"]))
        for label in map(json.loads, labels.read_text().splitlines())
    ]


def read_alert_log(path: Path) -> list[dict[str, Any]]:
    """Return what the function's file channel has written so far; half a line is left for later."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def tell(
    lives: Iterable[AlertLife],
    delivered: Iterable[Mapping[str, Any]],
    incidents: Sequence[Incident],
    published_until: datetime,
) -> list[ToldAlert]:
    """Put together what was recorded and what was delivered; the oldest alert first."""
    times: dict[str, dict[str, datetime]] = {}
    for line in delivered:
        states = times.setdefault(line["alert_id"], {})
        states.setdefault(line["state"], datetime.fromisoformat(line["delivered_at"]))
    told = [
        ToldAlert(life, times.get(life.alert_id, {}), _belongs_to(life, incidents, published_until))
        for life in lives
    ]
    return sorted(told, key=lambda alert: (alert.life.opened_at, alert.life.kind, alert.life.alert_id))


def complete_alerts(alerts: Iterable[ToldAlert], incident: str) -> int:
    """How many alerts of the kind that an incident must bring went through their whole life."""
    return sum(
        alert.is_complete and alert.incident == incident and alert.life.kind == FOUND_BY[incident]
        for alert in alerts
    )


def _belongs_to(life: AlertLife, incidents: Iterable[Incident], published_until: datetime) -> str | None:
    """The incident that the window in which it opened meets; of two the one that such an alert must tell of.

    Orders are judged by their own time, which lies a little before that of their publishing, and those of a
    spike still change their status when it is over.
    """
    met = [
        incident.kind
        for incident in incidents
        if life.opened_at + WINDOW > incident.start - _MOST_LAG and life.opened_at < incident.end + WINDOW
    ]
    met.sort(key=lambda kind: FOUND_BY[kind] != life.kind)
    if met:
        return met[0]
    return END_OF_RUN if life.opened_at + WINDOW > published_until - _MOST_LAG else None
