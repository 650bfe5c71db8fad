"""What the page tells, as plain values: what the queries return and the sections draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

METRICS = ("order_count", "revenue", "average_order_value")
OUTSIDE = ("spike", "drop", "silence")
"""The verdicts that are anomalies."""


Window = tuple[datetime, datetime]
"""Start, inclusive, and end, exclusive."""


class Point(NamedTuple):
    """A metric in one window, and what was expected of it."""

    start: datetime
    end: datetime
    value: float | None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str | None = None
    """None where the window was not judged."""


class AlertLife(NamedTuple):
    """An alert from its opening to its end."""

    alert_id: str
    kind: str
    severity: str
    """The worst that it ever had."""
    metric: str
    dimension: str
    dimension_value: str
    opened_at: datetime
    """Start of the window in which it opened."""
    breached_until: datetime
    """End of the last window outside of what was expected."""
    resolved_at: datetime | None
    """End of the window that resolved it; None while it is open."""
    breaches: int
    summary: str
    """Of its opening."""
    last_summary: str
    query: str | None

    @property
    def about(self) -> str:
        """What it is about: `drop (revenue, category Books)`."""
        part = "" if self.dimension == "all" else f", {self.dimension} {self.dimension_value}"
        return f"{self.kind} ({self.metric}{part})"


class Reason(NamedTuple):
    """How often messages were refused for a reason, and the newest example."""

    reason: str
    letters: int
    stage: str
    path: str
    example: str
    failed_at: datetime


class LedgerRow(NamedTuple):
    """The ledger of one event type."""

    event_type: str
    received: int
    accepted: int
    duplicates: int
    rejected: int

    @property
    def gap(self) -> int:
        """Messages whose end is not known: 0 where the ledger is balanced."""
        return self.received - self.accepted - self.duplicates - self.rejected


class Latency(NamedTuple):
    """Publish to processed in one window, in ms, of the event type that was slowest."""

    start: datetime
    end: datetime
    p50: float | None
    p95: float | None
    p99: float | None


class Findings(NamedTuple):
    """Everything on the page."""

    metrics: Mapping[str, Sequence[Point]]
    """A metric of METRICS -> its windows, the oldest first."""
    windows_in_all: int
    """How many there are, those that are not shown included."""
    windows_before: int
    """Windows from before the first message was received, which are left out."""
    alerts: Sequence[AlertLife]
    """The open ones first, then the newest."""
    alerts_in_all: int
    reasons: Sequence[Reason]
    """The most frequent first."""
    ledger: Sequence[LedgerRow]
    latency: Sequence[Latency]
    """The oldest first."""
    latency_windows_in_all: int

    @property
    def windows(self) -> list[Window]:
        """The windows of all metrics, the oldest first: revenue has none where there was no order."""
        return sorted({(point.start, point.end) for points in self.metrics.values() for point in points})
