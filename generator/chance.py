"""Randomness that is the same on every machine.

Only `Random.random()` is used: Python promises its sequence across versions, and no draw depends on
the C library's logarithm, whose last digit differs between machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from generator.instants import SECOND_US

T = TypeVar("T")

LATE_SECONDS = (310.0, 3_600.0)
"""How old a late event is; the pipeline calls an event late beyond 300 s by default."""

_STEPS = 4096
# Rounded to 9 digits: the logarithm's last digit, which machines disagree on, is cut away.
_EXPONENTIAL = tuple(round(-math.log((step + 0.5) / _STEPS), 9) for step in range(_STEPS))


def stream(seed: int, purpose: str) -> Random:
    """Return the random numbers of one `purpose`, so that one part's draws never shift another's."""
    return Random(f"{seed}:{purpose}")


def pick(rng: Random, choices: Sequence[T]) -> T:
    """Return one of `choices`, all equally likely."""
    return choices[int(rng.random() * len(choices))]


def skewed(rng: Random, count: int) -> int:
    """Return an index below `count`; low ones are popular (a quarter of the range draws half)."""
    draw = rng.random()
    return int(draw * draw * count)


def wait(rng: Random, mean_seconds: float) -> float:
    """Return an exponentially distributed waiting time in seconds."""
    return _EXPONENTIAL[int(rng.random() * _STEPS)] * mean_seconds


def between(rng: Random, low: float, high: float) -> float:
    """Return a uniform draw from `low` to `high`."""
    return low + rng.random() * (high - low)


def late_age_us(rng: Random, probability: float) -> int:
    """Return 0, or with `probability` how long ago an event that comes late happened."""
    if probability and rng.random() < probability:
        return int(between(rng, *LATE_SECONDS) * SECOND_US)
    return 0
