"""Alerts against labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple

ANY = "any"
"""What an alert looks like that does not say what it has found."""
AFTERMATH_WINDOWS = 2
"""An alert that opens so shortly after an incident is of it."""


class Incident(NamedTuple):
    """What was injected; times in µs since 1970-01-01 UTC."""

    kind: str
    start_us: int
    end_us: int


class Told(NamedTuple):
    """An alert that opened, by the window in which it did."""

    kind: str
    metric: str
    start_us: int
    end_us: int

    @property
    def looks_like(self) -> str:
        """The kind of incident that it speaks of."""
        if self.kind == "spike" and self.metric == "average_order_value":
            return "fraud_burst"
        return _LOOKS_LIKE.get(self.kind, self.kind)


_LOOKS_LIKE = {
    "spike": "order_spike",
    "drop": "order_drop",
    "silence": "silence",
    "drift": "order_drift",
    "low_validity": "bad_deploy",
    "unusual_order": "fraud_burst",
    "stock_low": "stock_out",
}


class KindScore(NamedTuple):
    """How one kind of incident was found, or all kinds."""

    kind: str
    incidents: int
    found: int
    alerts: int
    """That look like this kind."""
    right: int
    """Of them, those that belong to an incident."""
    windows: tuple[float, ...]
    """Whole windows from an incident's start to the end of the window that told of it first."""
    days: float

    @property
    def recall(self) -> float:
        """Share of the incidents that were found."""
        return self.found / self.incidents if self.incidents else math.nan

    @property
    def precision(self) -> float:
        """Share of the alerts that belong to an incident."""
        return self.right / self.alerts if self.alerts else math.nan

    @property
    def f1(self) -> float:
        """The harmonic mean of the two; 0 where nothing was found."""
        if not self.right or not self.found:
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)

    @property
    def false_a_day(self) -> float:
        """Alerts that belong to nothing, per day."""
        return (self.alerts - self.right) / self.days

    @property
    def median_windows(self) -> float:
        """Of those that were found."""
        return median(self.windows) if self.windows else math.nan


def score(
    incidents: Sequence[Incident], alerts: Sequence[Told], kinds: Iterable[str], days: float, window_us: int
) -> list[KindScore]:
    """One line per kind, and one for all of them together."""
    kinds = list(kinds)
    considered = [each for each in incidents if each.kind in kinds]
    lines = [_score(kind, considered, alerts, incidents, days, window_us, kind.__eq__) for kind in kinds]
    return [*lines, _score("all", considered, alerts, incidents, days, window_us, lambda _: True)]


def _score(
    name: str,
    considered: Sequence[Incident],
    alerts: Sequence[Told],
    incidents: Sequence[Incident],
    days: float,
    window_us: int,
    is_of: Callable[[str], bool],
) -> KindScore:
    of_kind = [each for each in considered if is_of(each.kind)]
    alike = [each for each in alerts if is_of(each.looks_like)]
    delays = [delay for each in of_kind if (delay := _delay(each, alerts, window_us)) is not None]
    right = sum(any(belongs(each, incident, window_us) for incident in incidents) for each in alike)
    return KindScore(name, len(of_kind), len(delays), len(alike), right, tuple(delays), days)


MAY_TELL = {
    "order_spike": {"order_spike"},
    "order_drop": {"order_drop", "silence"},
    "silence": {"silence", "order_drop"},
    "order_drift": {"order_drift", "order_drop"},
    "bad_deploy": {"bad_deploy", "order_drop"},
    "fraud_burst": {"fraud_burst", "order_spike"},
    "stock_out": {"stock_out"},
}
"""Which findings are right of an incident: broken orders are missing in the counts, fraud makes revenue."""


def belongs(alert: Told, incident: Incident, window_us: int) -> bool:
    """Whether the alert opened during the incident, or just after, and is of a kind that tells of it."""
    if alert.looks_like not in {*MAY_TELL[incident.kind], ANY}:
        return False
    return (
        alert.end_us > incident.start_us and alert.start_us < incident.end_us + AFTERMATH_WINDOWS * window_us
    )


def _delay(incident: Incident, alerts: Iterable[Told], window_us: int) -> int | None:
    ends = [each.end_us for each in alerts if belongs(each, incident, window_us)]
    return (min(ends) - incident.start_us) // window_us if ends else None


def added(scores: Sequence[Sequence[KindScore]]) -> list[KindScore]:
    """The lines of several seeds as one table."""
    return [
        KindScore(
            lines[0].kind,
            sum(each.incidents for each in lines),
            sum(each.found for each in lines),
            sum(each.alerts for each in lines),
            sum(each.right for each in lines),
            tuple(delay for each in lines for delay in each.windows),
            sum(each.days for each in lines),
        )
        for lines in zip(*scores, strict=True)
    ]
