"""A shop whose orders follow hour and weekday, window by window, and judges who have watched it for days."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from pipeline.alerts import Alert
from pipeline.anomalies.life import Window
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import Expectation
from pipeline.anomalies.whole import AVERAGE, COUNT, REVENUE, Values, WholeJudge

MONDAY_US = 1_704_067_200_000_000
"""2024-01-01T00:00:00Z."""
WINDOW_US = 300_000_000
DAY = 288
"""Windows of a day."""
HOUR = 12
"""Windows of an hour."""
SETTINGS = AnomalySettings(
    threshold=6.0, min_change_share=0.2, min_orders=20, warmup_windows=12, cooldown_windows=3
)
"""Outcomes are exact for these; the defaults may be tuned without changing what the tests say."""
MEAN_ORDERS = 200.0
AVERAGE_VALUE = 50.0


def window(number: int) -> Window:
    """The window of that number, counted from a Monday at midnight."""
    start_us = MONDAY_US + number * WINDOW_US
    return Window(start_us, start_us + WINDOW_US)


def usual_factor(number: int) -> float:
    """What hour and weekday make of the mean: little at night, more at weekends."""
    hour = (number % DAY) / HOUR
    weekend = number // DAY % 7 >= 5
    return (1 - 0.6 * math.cos(hour / 24 * 2 * math.pi)) * (1.15 if weekend else 1.0)


def usual_orders(number: int, mean_orders: float = MEAN_ORDERS) -> float:
    """What comes in a window, but for chance."""
    return mean_orders * usual_factor(number)


def noisy_orders(number: int, mean_orders: float = MEAN_ORDERS) -> int:
    """What comes in a window: as by chance, and always the same in the same window."""
    usual = usual_orders(number, mean_orders)
    return max(0, round(random.Random(number).gauss(usual, math.sqrt(usual))))


def noisy_average(number: int, orders: int) -> float:
    """What the orders of a window come to on average: the mean of orders that vary by two fifths."""
    return AVERAGE_VALUE * (1 + 0.4 * random.Random(-number - 1).gauss(0, 1) / math.sqrt(max(1, orders)))


def values(orders: float, average: float = AVERAGE_VALUE) -> Values:
    """The metrics of a window."""
    return {COUNT: float(orders), AVERAGE: average if orders else None, REVENUE: orders * average}


class Told(NamedTuple):
    """An alert, as far as tests look at it."""

    number: int
    kind: str
    metric: str
    state: str
    breaches: int


class Watched:
    """A judge of all orders, and the number of the next window."""

    def __init__(self, settings: AnomalySettings = SETTINGS, first: int = 0) -> None:
        self.judge = WholeJudge(settings)
        self.next = first
        self.alerts: list[Alert] = []
        self.expectations: list[Expectation] = []

    def see(self, orders: float, average: float | None = None, promotion: float | None = None) -> list[Told]:
        """Judge the next window; what is told of it."""
        if average is None:
            average = noisy_average(self.next, round(orders))
        here = window(self.next)
        if promotion is None:
            promotion = self.judge.settings.promotions.factor(*here)
        verdicts = self.judge.judge(here, values(orders, average), promotion)
        self.next += 1
        self.alerts += verdicts.alerts
        self.expectations = verdicts.expectations
        return [told(alert) for alert in verdicts.alerts]

    def see_usual(
        self, windows: int, factor: float = 1.0, average: float = 1.0, promotion: float | None = None
    ) -> list[Told]:
        """Judge as many windows as usual, times a factor; what is told of them."""
        found = []
        for _ in range(windows):
            orders = round(noisy_orders(self.next) * factor)
            found += self.see(orders, noisy_average(self.next, orders) * average, promotion)
        return found

    def see_each(self, orders: Iterable[float]) -> list[Told]:
        """Judge windows of so many orders."""
        return [each for count in orders for each in self.see(count)]

    @property
    def expected(self) -> Expectation:
        """What was expected of the number of orders in the last window."""
        return self.expectations[0]


def told(alert: Alert) -> Told:
    """The part of an alert that tests look at."""
    number = (alert.window_start_us - MONDAY_US) // WINDOW_US
    return Told(number, alert.kind, alert.metric, alert.state, alert.breaches)


def watched_for(days: float, settings: AnomalySettings = SETTINGS) -> Watched:
    """A judge who has watched the shop since a Monday at midnight, found nothing, and was stored."""
    return pickle.loads(_stored(days, settings))


@cache
def _stored(days: float, settings: AnomalySettings) -> bytes:
    judge = Watched(settings)
    assert judge.see_usual(round(days * DAY)) == []
    return pickle.dumps(judge)
