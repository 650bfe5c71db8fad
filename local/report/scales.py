"""Where a value lies on an axis, where the axis has ticks, and how numbers and times are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
"""Distances between ticks of a time axis, in s; beyond them whole days."""


NOTHING = "-"
"""What stands for a value that is not there."""


class Scale(NamedTuple):
    """Maps values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`; all of them are `start` where `low` is `high`."""
        if self.high == self.low:
            return self.start
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def number_ticks(highest: float, most: int = 5) -> list[float]:
    """Return at most `most` + 1 round numbers from 0 to the first one that is not below `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / most))
    step = next(power * times for times in (1, 2, 2.5, 5, 10) if power * times * most >= highest)
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def time_ticks(start: datetime, end: datetime, most: int = 8) -> list[datetime]:
    """Return the round times from `start` to `end`, at most `most` and one."""
    first, last = start.timestamp(), end.timestamp()
    step = next((s for s in _SECONDS if (last - first) / s <= most), 0)
    if not step:
        step = 86_400 * math.ceil((last - first) / 86_400 / most)
    numbers = range(math.ceil(first / step), math.floor(last / step) + 1)
    return [datetime.fromtimestamp(number * step, UTC) for number in numbers]


def write_tick(moment: datetime, start: datetime, end: datetime) -> str:
    """Write a time for an axis from `start` to `end`: as much as tells the ticks apart."""
    seconds = (end - start).total_seconds()
    if seconds > 5 * 86_400:
        return f"{moment:%b %d}"
    if seconds > 86_400:
        return f"{moment:%b %d %H:%M}"
    return f"{moment:%H:%M:%S}" if seconds <= 480 else f"{moment:%H:%M}"


def write_time(moment: datetime) -> str:
    """Write date and time, in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def write_count(value: float | None) -> str:
    """Write a number of things; with a fraction only if it has one."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if abs(value - round(value)) < 0.005 else f"{value:,.2f}"


def write_money(value: float | None) -> str:
    """Write an amount with its cents."""
    return NOTHING if value is None else f"{value:,.2f}"


def write_ms(value: float | None) -> str:
    """Write milliseconds, from ten seconds on as seconds."""
    if value is None:
        return NOTHING
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1_000:,.1f} s"


def write_short(value: float) -> str:
    """Write a number for a tick: 1.5k, 20M."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
