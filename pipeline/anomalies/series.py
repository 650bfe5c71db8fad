"""One series of windows against its baseline."""

from __future__ import annotations

import math
from typing import NamedTuple

from pipeline.anomalies.baseline import Baseline, Forecast
from pipeline.anomalies.settings import AnomalySettings

_DRIFT_THRESHOLD = 3.2
_DRIFT_MIN_CHANGE_SHARE = 0.25
_LEAST_VALUE = 1e-9
"""What has no logarithm counts as this."""
_DRIFT_WINDOWS = 3
"""Windows in a row that must have drifted before it is said."""
_DRIFT_GOES_ON_SHARE = 0.6
"""Of the limit: a drift that was said goes on above."""


class Range(NamedTuple):
    """What is expected of a window, in the series' own unit."""

    expected: float
    low: float
    high: float


class Judgement(NamedTuple):
    """A window's place against its range."""

    range: Range | None
    """None while there is too little history."""
    score: float | None
    """Distance from the expected in units of the distance at which a window becomes an anomaly."""
    direction: int
    """1: a spike, -1: a drop, 0: neither."""


class Change(NamedTuple):
    """How far a level has moved, and from where on that is a drift; both as logarithms."""

    logarithm: float
    limit: float


class Series:
    """A baseline that is asked first and taught afterwards."""

    __slots__ = ("baseline", "drifted_in_a_row", "frozen_windows", "offset")

    def __init__(self, windows_per_day: float, offset: float) -> None:
        """`offset` is added to every value, so that counts of 0 have a logarithm; 0 for amounts."""
        self.baseline = Baseline(windows_per_day)
        self.offset = offset
        self.frozen_windows = 0
        self.drifted_in_a_row = 0

    def judge(
        self,
        at_us: int,
        value: float,
        settings: AnomalySettings,
        *,
        promotion: float = 1.0,
        strictness: float = 1.0,
    ) -> Judgement:
        """Judge a window by its middle.

        `promotion`: factor up to which more is expected. `strictness`: a factor on the threshold.
        """
        forecast = self.baseline.forecast(at_us)
        if forecast is None or self.baseline.seen < settings.warmup_windows:
            return Judgement(None, None, 0)
        low, high = _limits(forecast, strictness * settings.threshold, settings.min_change_share)
        centre, high = forecast.fast, high + math.log(promotion)
        log_value = self.log(value)
        distance = log_value - centre
        reach = high - centre if distance > 0 else centre - low
        score = abs(distance) / reach
        direction = 0 if score < 1 else 1 if distance > 0 else -1
        expected = Range(self._value(centre), self._value(low), self._value(high))
        return Judgement(expected, score, direction)

    def learn(
        self,
        at_us: int,
        value: float,
        judgement: Judgement,
        settings: AnomalySettings,
        *,
        keeps_slow: bool = False,
    ) -> bool:
        """Take a window in, unless it is an anomaly. True if it is now taken for the usual after all.

        What has been out of the ordinary for a day is a new ordinary; during the first day, when nothing
        is known of the rhythm, for as long as the warm-up.
        """
        log_value = self.log(value)
        if judgement.direction == 0:
            self.frozen_windows = 0
            self.baseline.learn(at_us, log_value, keeps_slow=keeps_slow)
            return False
        self.frozen_windows += 1
        bound = settings.windows_per_day if self.baseline.knows_the_day else settings.warmup_windows
        if self.frozen_windows < bound:
            return False
        self.frozen_windows = 0
        self.baseline.accept(at_us, log_value)
        return True

    def drift(self, *, is_open: bool) -> Change | None:
        """The change, if the level of the last hours has left that of the last days.

        `is_open`: whether it was said before; then it goes on until it is well within the limit.
        """
        drifted = self.baseline.drifted()
        if drifted is None:
            return None
        logarithm, deviation = drifted
        limit = max(_DRIFT_THRESHOLD * deviation, math.log(1 + _DRIFT_MIN_CHANGE_SHARE))
        self.drifted_in_a_row = self.drifted_in_a_row + 1 if abs(logarithm) >= limit else 0
        goes_on = is_open and abs(logarithm) >= _DRIFT_GOES_ON_SHARE * limit
        return Change(logarithm, limit) if goes_on or self.drifted_in_a_row >= _DRIFT_WINDOWS else None

    def usual(self, at_us: int, change: float = 0.0) -> float:
        """What the level of the last days makes usual, changed by a logarithm."""
        return self._value(self.baseline.slow + self.baseline.rhythm(at_us) + change)

    def log(self, value: float) -> float:
        """The logarithm by which a value is judged."""
        return math.log(max(value + self.offset, _LEAST_VALUE))

    def _value(self, logarithm: float) -> float:
        return max(0.0, math.exp(min(700.0, logarithm)) - self.offset)


def _limits(forecast: Forecast, threshold: float, min_change_share: float) -> tuple[float, float]:
    """The range around both levels, as logarithms: the way back to the usual is no anomaly.

    A count varies as much upwards as downwards, so that its logarithm varies less upwards.
    """
    margin = max(threshold * forecast.spread, math.log(1 + min_change_share))
    slow = forecast.fast if forecast.slow is None else forecast.slow
    above = max(math.log1p(threshold * forecast.spread), math.log(1 + min_change_share))
    return min(forecast.fast, slow) - margin, max(forecast.fast, slow) + above
