"""Cutting texts to a channel's limits, and writing numbers for people."""

from __future__ import annotations

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
