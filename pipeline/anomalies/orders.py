"""Orders, window by window in the order of event time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.alerts import Alert
from pipeline.anomalies.life import Window
from pipeline.anomalies.parts import PartsJudge
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.values import OrderValues, ValuesJudge
from pipeline.anomalies.verdicts import Verdicts
from pipeline.anomalies.whole import AVERAGE, COUNT, REVENUE, Values, WholeJudge


class OrderWindow(NamedTuple):
    """What one window held."""

    orders: int
    revenue: float | None
    """None: the sum overflowed."""
    parts: Mapping[str, Mapping[str, int]] = {}
    """dimension -> value -> orders."""
    order_values: Mapping[str, OrderValues] = {}
    """category -> what its orders came to."""

    def metrics(self) -> Values:
        """The metrics that are judged."""
        average = self.revenue / self.orders if self.orders and self.revenue is not None else None
        return {COUNT: float(self.orders), AVERAGE: average, REVENUE: self.revenue}

    def with_part(self, other: OrderWindow) -> OrderWindow:
        """This with what another pane says of the same window: all orders, or one dimension."""
        # Each pane of all orders holds more than the ones before.
        whole = other if not other.parts and other.orders >= self.orders else self
        return OrderWindow(
            whole.orders,
            whole.revenue,
            {**self.parts, **other.parts},
            {**self.order_values, **other.order_values},
        )


NO_ORDERS = OrderWindow(0, 0.0)


class OrderJudge:
    """All that is said of orders. Its state is bounded: see WholeJudge, PartsJudge and ValuesJudge."""

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings
        self.whole = WholeJudge(settings)
        self.parts = PartsJudge(settings)
        self.order_values = ValuesJudge(settings.unusual_order_factor, settings.cooldown_windows)

    def use(self, settings: AnomalySettings) -> None:
        """Judge by other settings from now on."""
        self.settings = settings
        self.whole.use(settings)
        self.parts.use(settings)
        self.order_values.use(settings.unusual_order_factor, settings.cooldown_windows)

    @property
    def wants_gaps(self) -> bool:
        """Whether a window without any order is worth judging: until there was none for a day."""
        return self.whole.has_begun and not self.whole.gave_up

    def judge(self, window: Window, observed: OrderWindow | None) -> Verdicts:
        """Judge the next window. None: no order came."""
        orders = observed or NO_ORDERS
        promotion = self.settings.promotions.factor(window.start_us, window.end_us)
        verdicts = self.whole.judge(window, orders.metrics(), promotion)
        if orders.orders:
            verdicts.alerts.extend(self.parts.judge(window, orders.parts, orders.orders))
        verdicts.alerts.extend(self.order_values.judge(window, orders.order_values))
        return verdicts

    def correct(self, window: Window, observed: OrderWindow) -> list[Alert]:
        """What a late pane changes of a window that has been judged: it may withdraw an alert."""
        return self.whole.correct(window, observed.metrics())
