"""Noise: how the shop's rates wander for no reason that anybody knows."""

from __future__ import annotations

import math

from generator.chance import stream
from generator.instants import SECOND_US

LARGEST_SPREAD = 0.5
_HALF_HOUR_US, _DAY_US = 1_800 * SECOND_US, 86_400 * SECOND_US
_DRAWS = 4
_DRAW_SCALE = math.sqrt(12 / _DRAWS)
_POWER = 4
_KEPT_POINTS = 16

_SHARES = (("day", _DAY_US, 0.3), ("half hour", _HALF_HOUR_US, 0.4))
"""What orders and visitors have in common: name, time constant, share of the variance."""
_OWN_SHARE = 0.3
"""The share of the variance that each process has for itself, by the half hour."""


class Noise:
    """A factor on a process's speed that wanders around 1.0, the same for the same seed and instant.

    It depends on nothing but the seed and the instant: no incident, flag or earlier call changes it.
    Only additions, multiplications, divisions and square roots are used, which IEEE 754 fixes to the
    last bit, so that it is the same on every machine.
    """

    def __init__(self, seed: int, spread: float) -> None:
        """Wander by a relative standard deviation of `spread`, from 0 (none) to LARGEST_SPREAD."""
        self._seed = seed
        self._step = spread / _POWER
        # (1 + step z)^4 leans to the right like a log-normal factor; this is its mean for a normal z.
        self._mean = 1.0 + 6.0 * self._step**2 + 3.0 * self._step**4
        self._points: dict[tuple[str, int], float] = {}

    def factor(self, process: str, instant_us: int) -> float:
        """Return the factor on the speed of `process`, above 0 and 1.0 on average."""
        if self._step == 0.0:
            return 1.0
        deviation = math.sqrt(_OWN_SHARE) * self._wander(process, _HALF_HOUR_US, instant_us)
        for name, period_us, share in _SHARES:
            deviation += math.sqrt(share) * self._wander(name, period_us, instant_us)
        root = 1.0 + self._step * deviation
        return root * root * root * root / self._mean

    def _wander(self, name: str, period_us: int, instant_us: int) -> float:
        """Return a value of mean 0 and variance 1 that forgets itself after about `period_us`."""
        index, past_us = divmod(instant_us, period_us)
        right = past_us / period_us
        left = 1.0 - right
        # The mean of two independent points varies less than each of them: the root makes up for it.
        size = math.sqrt(left * left + right * right)
        return (left * self._point(name, index) + right * self._point(name, index + 1)) / size

    def _point(self, name: str, index: int) -> float:
        key = (name, index)
        value = self._points.get(key)
        if value is None:
            if len(self._points) >= _KEPT_POINTS:
                self._points.clear()
            rng = stream(self._seed, f"noise:{name}:{index}")
            value = (sum(rng.random() for _ in range(_DRAWS)) - _DRAWS / 2) * _DRAW_SCALE
            self._points[key] = value
        return value
