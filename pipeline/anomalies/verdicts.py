"""What judging a window gives: alerts, and what was expected."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.alerts import Alert
from pipeline.anomalies.life import Breach, Measured, Subject, Window
from pipeline.anomalies.series import Judgement


class Expectation(NamedTuple):
    """What was measured and expected: a row of metric_expectations."""

    window: Window
    subject: Subject
    value: float | None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    score: float | None = None
    verdict: str = "not_judged"
    """not_judged, normal, spike, drop or silence."""


class Verdicts(NamedTuple):
    """What a window has brought."""

    alerts: list[Alert]
    expectations: list[Expectation]


def measured(value: float, judgement: Judgement) -> Measured:
    """The window's value with its range."""
    expected = judgement.range
    if expected is None:
        return Measured(value)
    return Measured(value, expected.low, expected.high, judgement.score)


def expectation(
    window: Window, subject: Subject, value: float, judgement: Judgement, breach: Breach | None
) -> Expectation:
    """The row of metric_expectations."""
    found = judgement.range
    if found is None:
        return Expectation(window, subject, value, verdict=breach.kind if breach else "not_judged")
    verdict = breach.kind if breach else "normal"
    return Expectation(window, subject, value, *found, judgement.score, verdict)


def move(judgement: Judgement) -> str:
    """The kind of a window outside of its range."""
    return "spike" if judgement.direction > 0 else "drop"


def severity(judgement: Judgement) -> str:
    """As severe as the window is far outside."""
    return "critical" if (judgement.score or 0.0) >= 2 else "error"
