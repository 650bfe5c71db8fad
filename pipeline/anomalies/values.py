"""Orders whose value is far outside of their category."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.alerts import Alert
from pipeline.anomalies import sentences
from pipeline.anomalies.baseline import DAY_US
from pipeline.anomalies.life import Breach, Measured, Subject, Watch, Window

MAX_CATEGORIES = 100
LARGEST_KEPT = 5
"""Orders of a window and category that can be told of."""
TOLD_KEPT = 100
ORDERS_NEEDED = 1_000
"""Orders a category must have had before one of them is unusual."""
_BUCKETS_PER_DOUBLING = 4
_LARGEST_EXPONENT = 1_000
"""So that some times the bound is still a double."""
_UNUSUAL_SHARE = 0.999
_KEPT_PER_DAY = 0.9
"""Share of what a day has taught that is left a day later: a half is gone in a week."""

Large = tuple[float, str]
"""Value and order_id."""


class OrderValues:
    """How the values of some orders are spread, and the largest of them; adds up in any order."""

    __slots__ = ("counts", "largest")

    def __init__(self, counts: Mapping[int, int] | None = None, largest: Sequence[Large] = ()) -> None:
        self.counts: dict[int, int] = dict(counts or {})
        self.largest = list(largest)

    def add_value(self, value: float, order_id: str) -> None:
        """Count one order."""
        bucket = bucket_of(value)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self._keep((value, order_id))

    def add(self, other: OrderValues) -> None:
        """Count what another one has counted."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        for each in other.largest:
            self._keep(each)

    def _keep(self, large: Large) -> None:
        largest = self.largest
        if len(largest) == LARGEST_KEPT and large <= largest[-1]:
            return
        if any(order_id == large[1] for _, order_id in largest):
            return  # the same order in another status
        largest.append(large)
        largest.sort(reverse=True)
        del largest[LARGEST_KEPT:]

    def __reduce__(self) -> tuple[type[OrderValues], tuple[dict[int, int], list[Large]]]:
        return OrderValues, (self.counts, self.largest)


class UsualValues:
    """What the orders of one category usually come to: at most some 4,200 counts."""

    __slots__ = ("counts", "decayed_at_us", "told")

    def __init__(self) -> None:
        self.counts: dict[int, float] = {}
        self.told: list[str] = []
        self.decayed_at_us: int | None = None

    def bound(self) -> float | None:
        """The value that 99.9 % of the orders do not pass, within a fifth; None before 1,000 were seen."""
        total = sum(self.counts.values())
        if total < ORDERS_NEEDED:
            return None
        above = (1 - _UNUSUAL_SHARE) * total
        highest = 0
        for highest in sorted(self.counts, reverse=True):
            above -= self.counts[highest]
            if above < 0:
                break
        return _top_of(highest)

    def beyond(self, limit: float, values: OrderValues) -> list[Large]:
        """The orders beyond `limit` that were not given out before, the largest first."""
        found = [each for each in values.largest if each[0] > limit and each[1] not in self.told]
        self.told = [*self.told, *(order_id for _, order_id in found)][-TOLD_KEPT:]
        return found

    def learn(self, at_us: int, values: OrderValues) -> None:
        """Take in a window's orders."""
        if self.decayed_at_us is None:
            self.decayed_at_us = at_us
        elif at_us - self.decayed_at_us >= DAY_US:
            self.decayed_at_us = at_us
            kept = {bucket: count * _KEPT_PER_DAY for bucket, count in self.counts.items()}
            self.counts = {bucket: count for bucket, count in kept.items() if count >= 0.01}
        for bucket, count in values.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0.0) + count


def bucket_of(value: float) -> int:
    """The logarithmic bucket of an order's value, four to a doubling; values below 0.01 share one."""
    return math.ceil(math.log2(max(value, 0.01)) * _BUCKETS_PER_DOUBLING)


def _top_of(bucket: int) -> float:
    return float(2.0 ** min(_LARGEST_EXPONENT, bucket / _BUCKETS_PER_DOUBLING))


class ValuesJudge:
    """What is usual in each category, at most `MAX_CATEGORIES` of them, and a watch for each."""

    def __init__(self, factor: float, cooldown_windows: int) -> None:
        self.factor = factor
        self.cooldown_windows = cooldown_windows
        self.known: dict[str, tuple[UsualValues, Watch]] = {}

    def use(self, factor: float, cooldown_windows: int) -> None:
        """Judge by other settings from now on."""
        self.factor, self.cooldown_windows = factor, cooldown_windows

    def judge(self, window: Window, values: Mapping[str, OrderValues]) -> list[Alert]:
        """Judge the next window's orders by category."""
        for category in sorted(values, key=lambda each: (-sum(values[each].counts.values()), each)):
            if category not in self.known and len(self.known) < MAX_CATEGORIES:
                watch = Watch(Subject("order_value", "category", category))
                self.known[category] = (UsualValues(), watch)
        alerts: list[Alert] = []
        for category, (usual, watch) in self.known.items():
            alerts += self._judge(window, usual, watch, values.get(category) or OrderValues())
        return alerts

    def _judge(self, window: Window, usual: UsualValues, watch: Watch, values: OrderValues) -> list[Alert]:
        bound = usual.bound()
        limit = None if bound is None else self.factor * bound
        unusual = [] if limit is None else usual.beyond(limit, values)
        usual.learn(window.start_us, values)
        breach = None
        if unusual and bound is not None:
            words = sentences.unusual(watch.subject.dimension_value, unusual, bound)
            breach = Breach("unusual_order", "warning", words)
        largest = max((value for value, _ in unusual or values.largest), default=0.0)
        measured = Measured(largest, None, limit, largest / limit if limit else None)
        return watch.observe(window, measured, breach, self.cooldown_windows)
