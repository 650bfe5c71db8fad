"""Instants as µs since 1970-01-01 UTC, and their RFC 3339 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimestampText:
    """Format instants; keeps the last second's text, since neighbours share it."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._second = -1
        self._text = ""

    def of(self, instant_us: int) -> str:
        """Return `2025-01-06T09:00:00.000000Z`."""
        second, micros = divmod(instant_us, SECOND_US)
        if second != self._second:
            self._second = second
            self._text = (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{micros:06d}Z"


def instant_us(text: str) -> int:
    """Return the instant of an RFC 3339 `text`; raises ValueError without an offset or `Z`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    return (moment - _EPOCH) // timedelta(microseconds=1)
