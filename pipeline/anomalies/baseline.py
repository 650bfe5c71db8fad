"""What a series usually is: its level of the moment, of the last days, and its rhythm of day and week.

Everything is in logarithms, so that a rhythm is a factor and a fall to a half is as far as a rise to the
double. Levels and rhythm are exponentially weighted means, learnt window by window; a residual counts with at
most `CLIP` spreads, so that one window, whatever it holds, moves nothing by much.
"""

from __future__ import annotations

import math
from typing import NamedTuple

CLIP = 3.0
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
HOURS_OF_DAY, HOURS_OF_WEEK, DAYS_OF_WEEK = 24, 168, 7
DAYS_BEFORE_DRIFT = 14

_FAST_HALF_LIFE_WINDOWS = 6.0
_SLOW_HALF_LIFE_DAYS = 2.0
_SMOOTH_HALF_LIFE_WINDOWS = 12.0
_HOUR_LEARNS, _WEEK_HOUR_LEARNS = 0.05, 0.5
"""Least weight of an hour's windows, all together, in its factor."""
_TO_DEVIATION = 1.2533
"""A normal distribution's standard deviation over its mean absolute one."""
_MEDIAN_TO_DEVIATION = 1.4826
_FIRST_DAY_SPREAD = 0.06
"""Least spread while the rhythm is unknown."""
_LEAST_SPREAD = 0.005


class Forecast(NamedTuple):
    """What is expected of a window, as logarithms."""

    fast: float
    """By the level of the moment."""
    slow: float | None
    """By the level of the last days; None while that is unknown."""
    spread: float


class Spread:
    """A running mean of absolute residuals, as a standard deviation."""

    __slots__ = ("count", "mean")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0

    def learn(self, residual: float, least_weight: float) -> None:
        """Take in one residual, with the weight of a plain mean at first and `least_weight` later."""
        self.count += 1
        self.mean += max(1 / self.count, least_weight) * (abs(residual) - self.mean)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return max(_LEAST_SPREAD, self.mean * _TO_DEVIATION)


class MedianSpread:
    """A running median of absolute residuals, as a standard deviation: hours hardly move it."""

    __slots__ = ("count", "median")

    def __init__(self) -> None:
        self.count = 0
        self.median = 0.0

    def learn(self, residual: float, step: float) -> None:
        """Take in one residual: a plain mean over the first 1 / step of them, then a step up or down."""
        self.count += 1
        if self.count * step <= 1:
            self.median += (abs(residual) - self.median) / self.count
        else:
            self.median *= 1 + step if abs(residual) > self.median else 1 - step
            self.median = max(self.median, _LEAST_SPREAD)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return self.median * _MEDIAN_TO_DEVIATION


class Baseline:
    """Levels, rhythm and spreads of one series: some 400 numbers, however long it runs."""

    __slots__ = (
        "drift",
        "fast",
        "first_us",
        "hour_spreads",
        "hours",
        "knows_the_day",
        "seen",
        "seen_by_hour",
        "seen_by_week_hour",
        "slow",
        "slow_spread",
        "smooth",
        "spread",
        "week_hours",
        "windows_per_day",
    )

    def __init__(self, windows_per_day: float) -> None:
        """Know nothing yet."""
        self.windows_per_day = windows_per_day
        self.first_us = 0
        self.seen = 0
        self.knows_the_day = False
        """Whether a day has passed, of which most was seen: else hours have no factor."""
        self.fast = self.slow = self.smooth = 0.0
        self.hours = [0.0] * HOURS_OF_DAY
        self.seen_by_hour = [0] * HOURS_OF_DAY
        self.week_hours = [0.0] * HOURS_OF_WEEK
        self.seen_by_week_hour = [0] * HOURS_OF_WEEK
        self.spread = Spread()
        self.hour_spreads = [Spread() for _ in range(HOURS_OF_DAY)]
        self.slow_spread = Spread()
        self.drift = MedianSpread()

    @property
    def days(self) -> float:
        """Days that were learnt."""
        return self.seen / self.windows_per_day

    def rhythm(self, at_us: int) -> float:
        """The factor of hour and weekday, as a logarithm; 0 during the first day."""
        if not self.knows_the_day:
            return 0.0
        return sum(
            weight * (self.hours[hour % HOURS_OF_DAY] + self.week_hours[hour % HOURS_OF_WEEK])
            for hour, weight in _hours_around(at_us)
        )

    def forecast(self, at_us: int) -> Forecast | None:
        """What is expected of the window whose middle is `at_us`; None before the first has been learnt."""
        if not self.seen:
            return None
        rhythm = self.rhythm(at_us)
        if not self.knows_the_day:
            spread = max(_FIRST_DAY_SPREAD, 1.5 * self.spread.deviation)
            return Forecast(self.fast, None, spread)
        has_slow = self.slow_spread.count >= self.windows_per_day / 2
        slow = self.slow + rhythm if has_slow else None
        return Forecast(self.fast + rhythm, slow, self._spread_of_hour(at_us))

    def drifted(self) -> tuple[float, float] | None:
        """(how far the level of the last hours is from that of the last days, its usual deviation).

        None while that is unknown: a weekend's level is none before the second week has taught it.
        """
        if self.days <= DAYS_BEFORE_DRIFT or self.drift.count < 3 * self.windows_per_day:
            return None
        return self.smooth - self.slow, self.drift.deviation

    def learn(self, at_us: int, value: float, *, keeps_slow: bool = False) -> None:
        """Take in a window. `keeps_slow`: leave the level of the last days and the rhythm as they are."""
        if not self.seen:
            self.first_us = at_us
            self.fast = self.slow = self.smooth = value
        elif not self.knows_the_day and at_us - self.first_us >= DAY_US and self.days >= 0.5:
            self._begin_second_day(at_us)
        rhythm = self.rhythm(at_us)
        residual = value - self.fast - rhythm
        hour = int(at_us // HOUR_US)
        if self.seen:
            clipped = _clip(residual, CLIP * self._spread_of_hour(at_us)) if self.seen > 8 else residual
            self.spread.learn(clipped, 1 / 500)
            self.hour_spreads[hour % HOURS_OF_DAY].learn(clipped, 1 / 150)
            self.fast += max(1 / (self.seen + 1), _weight(_FAST_HALF_LIFE_WINDOWS)) * clipped
        self.seen += 1
        if not self.knows_the_day:
            # Hours are learnt against the first window, which stays where it is for this day.
            slot = hour % HOURS_OF_DAY
            self.seen_by_hour[slot] += 1
            self.hours[slot] += (value - self.slow - self.hours[slot]) / self.seen_by_hour[slot]
            return
        self.smooth += _weight(_SMOOTH_HALF_LIFE_WINDOWS) * (value - rhythm - self.smooth)
        if not keeps_slow:
            self._learn_slowly(at_us, value, rhythm)

    def accept(self, at_us: int, value: float) -> None:
        """Take the level of this window for the usual one from now on."""
        change = value - self.rhythm(at_us) - self.slow if self.knows_the_day else 0.0
        self.fast = self.smooth = value - self.rhythm(at_us)
        self.slow += change

    def accept_drift(self) -> None:
        """Take the level of the last hours for that of the last days."""
        self.slow = self.smooth

    def return_to_slow(self) -> None:
        """After a gap: the level of the moment is unknown, that of the last days is the best guess."""
        if self.knows_the_day:
            self.fast = self.smooth = self.slow

    def _learn_slowly(self, at_us: int, value: float, rhythm: float) -> None:
        residual = value - self.slow - rhythm
        if self.slow_spread.count > self.windows_per_day / 4:
            residual = _clip(residual, CLIP * self.slow_spread.deviation)
        self.slow_spread.learn(residual, 1 / (2 * self.windows_per_day))
        change = self.smooth - self.slow
        self.drift.learn(change, 1 / self.windows_per_day)
        if self.days > DAYS_BEFORE_DRIFT:
            # Hours that are unlike the last days teach little of what is usual; before, all are.
            residual /= 1 + (change / (2 * self.drift.deviation)) ** 4
        weight = _weight(_SLOW_HALF_LIFE_DAYS * self.windows_per_day)
        if self.days < DAYS_OF_WEEK + 1:
            weight = min(weight, 1 / self.seen)  # a weekend is none of the level's business
        self.slow += weight * residual
        per_hour = self.windows_per_day / HOURS_OF_DAY
        for hour, near in _hours_around(at_us):
            slot = hour % HOURS_OF_DAY
            self.seen_by_hour[slot] += 1
            share = max(1 / (self.seen_by_hour[slot] + 1), _HOUR_LEARNS / per_hour)
            self.hours[slot] += share * near * residual
            slot = hour % HOURS_OF_WEEK
            self.seen_by_week_hour[slot] += 1
            share = max(1 / (self.seen_by_week_hour[slot] + 1), _WEEK_HOUR_LEARNS / per_hour)
            self.week_hours[slot] += share * near * residual

    def _begin_second_day(self, at_us: int) -> None:
        """Make the level of the first day its mean, and the hours' factors relative to it."""
        known = [hour for hour, seen in zip(self.hours, self.seen_by_hour, strict=True) if seen]
        mean = sum(known) / len(known)
        self.slow += mean
        self.hours = [
            hour - mean if seen else 0.0 for hour, seen in zip(self.hours, self.seen_by_hour, strict=True)
        ]
        self.knows_the_day = True
        self.fast -= self.rhythm(at_us)
        self.smooth = self.slow

    def _spread_of_hour(self, at_us: int) -> float:
        """The hour's spread as far as it is known, that of all hours else."""
        own = self.hour_spreads[int(at_us // HOUR_US) % HOURS_OF_DAY]
        doubt = 24
        mixed = (doubt * self.spread.deviation + own.count * own.deviation) / (doubt + own.count)
        return max(_LEAST_SPREAD, mixed)


def _hours_around(at_us: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """The two full hours whose middles are nearest, counted from 1970, with their weights."""
    position = at_us / HOUR_US - 0.5
    left = math.floor(position)
    past = position - left
    return (left, 1 - past), (left + 1, past)


def _weight(half_life: float) -> float:
    return 1 - math.exp(-math.log(2) / half_life)


def _clip(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))
