"""How busy the shop is by hour of day and by day of week (UTC)."""

from __future__ import annotations

from generator.instants import SECOND_US

_WEIGHTS = (
    *(0.45, 0.35, 0.30, 0.28, 0.30, 0.40, 0.55, 0.75, 0.95, 1.10, 1.20, 1.30),
    *(1.35, 1.30, 1.20, 1.15, 1.15, 1.25, 1.40, 1.55, 1.60, 1.45, 1.10, 0.70),
)
_MEAN = sum(_WEIGHTS) / len(_WEIGHTS)
HOUR_WEIGHTS = tuple(weight / _MEAN for weight in _WEIGHTS)
"""Weight of each full hour, 1.0 on average over the day."""

DAY_WEIGHTS = (1.0, 0.92, 0.78, 0.88, 0.92, 1.25, 1.25)
"""Weight of each day from Monday on, 1.0 on average over the week: Wednesday is quiet, the weekend busy."""

_HOUR_US = 3_600 * SECOND_US
_DAY_US = 24 * _HOUR_US
_TURN_US = 2 * _HOUR_US
"""One day turns into the next from so long before midnight to so long after it."""
_DAYS_FROM_A_MONDAY_TO_1970 = 3


def busyness(instant_us: int, amplitude: float) -> float:
    """Return how busy the shop is against the day's mean of 1.0.

    `amplitude` from 0 (always 1.0) to 1 (the full swing of HOUR_WEIGHTS, 0.29 to 1.66).
    """
    hours, past_us = divmod(instant_us, _HOUR_US)
    left, right = HOUR_WEIGHTS[hours % 24], HOUR_WEIGHTS[(hours + 1) % 24]
    weight = left + (right - left) * (past_us / _HOUR_US)
    return 1.0 + amplitude * (weight - 1.0)


def day_busyness(instant_us: int, amplitude: float) -> float:
    """Return how busy the day is against the week's mean of 1.0, without a jump at midnight.

    `amplitude` from 0 (always 1.0) to 1 (the full swing of DAY_WEIGHTS, 0.78 to 1.25).
    """
    days, past_us = divmod(instant_us, _DAY_US)
    today = DAY_WEIGHTS[(days + _DAYS_FROM_A_MONDAY_TO_1970) % 7]
    weight = today
    if past_us < _TURN_US:
        yesterday = DAY_WEIGHTS[(days + _DAYS_FROM_A_MONDAY_TO_1970 - 1) % 7]
        weight += (yesterday - today) * (_TURN_US - past_us) / (2 * _TURN_US)
    elif past_us > _DAY_US - _TURN_US:
        tomorrow = DAY_WEIGHTS[(days + _DAYS_FROM_A_MONDAY_TO_1970 + 1) % 7]
        weight += (tomorrow - today) * (past_us - _DAY_US + _TURN_US) / (2 * _TURN_US)
    return 1.0 + amplitude * (weight - 1.0)
