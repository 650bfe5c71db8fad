"""Whether a series of samples is flat: its slope, robustly, and its first third beside its last."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

Point = tuple[float, float]
"""Seconds since the beginning, value."""
LEAST_POINTS = 6


class Trend(NamedTuple):
    """How one figure went over a run."""

    name: str
    unit: str
    samples: int
    median: float
    first_third: float
    """Median of the first third of the samples."""
    last_third: float
    slope: float
    """Units an hour."""
    limit: float
    """Units an hour above which the figure is said to grow."""

    @property
    def is_flat(self) -> bool:
        """Whether the slope is within the limit. A figure that falls is flat."""
        return self.slope <= self.limit

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**self._asdict(), "is_flat": self.is_flat}


def trend(name: str, unit: str, points: Sequence[Point], limit_share: float) -> Trend:
    """Judge a series in order of time: flat if it grows in an hour by at most a share of its median.

    Raises ValueError for fewer than six points.
    """
    if len(points) < LEAST_POINTS:
        raise ValueError(f"{len(points)} samples of {name} are too few to tell a trend; run for longer.")
    values = [value for _, value in points]
    third, median = len(values) // 3, statistics.median(values)
    return Trend(
        name,
        unit,
        len(values),
        median,
        statistics.median(values[:third]),
        statistics.median(values[-third:]),
        theil_sen(points) * 3_600,
        limit_share * median,
    )


def theil_sen(points: Sequence[Point]) -> float:
    """The median of the slopes between all pairs of points: up to 29 % of the points may be anything."""
    return statistics.median(
        (late - early) / (then - now)
        for (now, early), (then, late) in itertools.combinations(points, 2)
        if then != now
    )
