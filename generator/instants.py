"""Instants as µs since 1970-01-01 UTC, and their RFC 3339 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimestampText:
    """Format instants; keeps the last minute's text, since neighbours share it."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._minute = -1
        self._text = ""

    def of(self, instant_us: int) -> str:
        """Return `2025-01-06T09:00:00.000000Z`."""
        minute, past_us = divmod(instant_us, 60 * SECOND_US)
        if minute != self._minute:
            self._minute = minute
            self._text = (_EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M")
        return f"{self._text}:{past_us // SECOND_US:02d}.{past_us % SECOND_US:06d}Z"


def instant_us(text: str) -> int:
    """Return the instant of an RFC 3339 `text`; raises ValueError without an offset or `Z`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    return (moment - _EPOCH) // timedelta(microseconds=1)
