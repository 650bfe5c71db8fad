"""Cutting texts to a channel's limits, and writing numbers and times for people."""

from __future__ import annotations

from datetime import UTC, datetime

from alert import Alert

_ELLIPSIS = "…"


def cut(text: str, max_chars: int) -> str:
    """Return the text, its end replaced by an ellipsis if it is longer than that."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + _ELLIPSIS


def number(value: float) -> str:
    """Return a number as a person would write it: 12,345 or 0.0123."""
    if abs(value) >= 1e15:
        return f"{value:.4g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def expected_range(alert: Alert) -> str:
    """Return what was expected, in words."""
    low, high = alert.expected_low, alert.expected_high
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    if low is not None:
        return f"at least {number(low)}"
    return f"at most {number(high)}" if high is not None else "not known"


def window(alert: Alert) -> str:
    """Return the window of the alert: 2026-03-02 10:00 to 10:05 UTC."""
    start, end = moment(alert.window_start), moment(alert.window_end)
    day, _, end_clock = end.partition(" ")
    return f"{start} to {end_clock if start.startswith(day) else end} UTC"


def since(alert: Alert) -> str:
    """Return when the alert opened, and how many windows in a row it is, or was at most, in breach."""
    opened = f"{moment(alert.opened_at)} UTC" if alert.opened_at else "not known"
    if alert.breaches is None:
        return opened
    row = f"{alert.breaches:,} window{'' if alert.breaches == 1 else 's'} in a row"
    return f"{opened}, {'up to ' if alert.state == 'resolved' else ''}{row}"


def moment(time: str) -> str:
    """Return an RFC 3339 time in UTC as a person would write it: to the minute, or as exact as it is."""
    given = datetime.fromisoformat(time)
    try:
        at = given.astimezone(UTC)
    except OverflowError:  # the first or the last hours there are
        return time
    clock = f"{at:%H:%M}" if at.second == at.microsecond == 0 else f"{at:%H:%M:%S}"
    return f"{at.date().isoformat()} {clock}"
