"""The life of an alert: it opens, goes on for as long as windows breach, and resolves."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.alerts import SEVERITIES, Alert

MAX_WINDOWS_REMEMBERED = 288
"""Windows in breach that a late pane can still correct: a day of five-minute ones."""


class Window(NamedTuple):
    """The window that was judged, in µs."""

    start_us: int
    end_us: int

    @property
    def middle_us(self) -> int:
        """The middle, by which the window has its place in day and week."""
        return (self.start_us + self.end_us) // 2


class Measured(NamedTuple):
    """What a window held, and what was expected of it."""

    value: float
    low: float | None = None
    high: float | None = None
    score: float | None = None
    """Distance from the expected in units of the distance at which a window becomes an anomaly."""

    @property
    def is_expected(self) -> bool:
        """Whether the value lies within the range."""
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)


class Breach(NamedTuple):
    """A window that is out of the ordinary."""

    kind: str
    severity: str
    summary: str


class Subject(NamedTuple):
    """What is watched."""

    metric: str
    dimension: str = "all"
    dimension_value: str = "all"


DIRECTIONS = {"spike": 1, "drop": -1, "silence": -1}
"""Kinds that cannot turn into one another within one alert: what rose and then fell is two findings."""


class Watch:
    """At most one open alert on one subject. Windows must come in the order of event time."""

    __slots__ = (
        "breached",
        "breaches",
        "in_a_row",
        "kind",
        "longest",
        "normal_in_a_row",
        "opened_at_us",
        "severity",
        "subject",
        "withdrawn",
    )

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._forget()

    def _forget(self) -> None:
        self.kind = ""
        self.severity = SEVERITIES[0]
        self.opened_at_us = 0
        self.in_a_row = self.longest = self.normal_in_a_row = 0
        self.breaches = self.withdrawn = 0
        self.breached: dict[int, tuple[float | None, float | None]] = {}  # window start -> expected range

    @property
    def is_open(self) -> bool:
        """Whether an alert is open."""
        return bool(self.kind)

    def observe(
        self, window: Window, measured: Measured, breach: Breach | None, cooldown_windows: int
    ) -> list[Alert]:
        """Take in the next window; return the records that tell of it."""
        if breach is not None:
            told = []
            if DIRECTIONS.get(breach.kind, 0) * DIRECTIONS.get(self.kind, 0) < 0:
                told = self.end(window, measured, f"The {self.kind} is over: {breach.summary}")
            return [*told, self._go_on(window, measured, breach)]
        if not self.is_open:
            return []
        self.in_a_row = 0
        self.normal_in_a_row += 1
        if self.normal_in_a_row < cooldown_windows:
            return []
        return self.end(window, measured, _back_to_normal(self, measured))

    def end(self, window: Window, measured: Measured, summary: str) -> list[Alert]:
        """Resolve the alert if one is open, whatever the window holds."""
        if not self.is_open:
            return []
        alert = self._alert("resolved", window, measured, self.severity, self.longest, summary)
        self._forget()
        return [alert]

    def correct(self, window: Window, value: float) -> list[Alert]:
        """A late pane says what a window in breach really held: withdraw the breach if it was none.

        Once no breach is left the alert is resolved; it never opens a second time by this.
        """
        expected = self.breached.get(window.start_us)
        if expected is None:
            return []
        measured = Measured(value, *expected)
        if not measured.is_expected:
            return []
        del self.breached[window.start_us]
        self.withdrawn += 1
        if self.withdrawn < self.breaches:
            return []
        words = f"{_words(self.subject)} was {_number(value)} once late orders had come, as expected."
        return self.end(window, measured, f"Corrected: {words}")

    def _go_on(self, window: Window, measured: Measured, breach: Breach) -> Alert:
        opens = not self.is_open
        if opens:
            self.kind, self.opened_at_us = breach.kind, window.start_us
        self.in_a_row += 1
        self.breaches += 1
        self.longest = max(self.longest, self.in_a_row)
        self.normal_in_a_row = 0
        self.severity = max(self.severity, breach.severity, key=SEVERITIES.index)
        if len(self.breached) < MAX_WINDOWS_REMEMBERED:
            self.breached[window.start_us] = (measured.low, measured.high)
        state = "open" if opens else "ongoing"
        return self._alert(state, window, measured, breach.severity, self.in_a_row, breach.summary)

    def _alert(
        self, state: str, window: Window, measured: Measured, severity: str, breaches: int, summary: str
    ) -> Alert:
        return Alert(
            kind=self.kind,
            severity=severity,
            metric=self.subject.metric,
            dimension=self.subject.dimension,
            dimension_value=self.subject.dimension_value,
            opened_at_us=self.opened_at_us,
            window_start_us=window.start_us,
            window_end_us=window.end_us,
            value=measured.value,
            expected_low=measured.low,
            expected_high=measured.high,
            score=measured.score,
            breaches=breaches,
            summary=summary,
            state=state,
        )


def _back_to_normal(watch: Watch, measured: Measured) -> str:
    windows = f"{watch.longest} window{'s' * (watch.longest > 1)} in a row"
    return (
        f"{_words(watch.subject)} is as expected again: {_number(measured.value)}. "
        f"The {watch.kind.replace('_', ' ')} lasted up to {windows}."
    )


def _words(subject: Subject) -> str:
    words = subject.metric.replace("_", " ")
    words = words[0].upper() + words[1:]
    return (
        words if subject.dimension == "all" else f"{words} of {subject.dimension} {subject.dimension_value}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"
