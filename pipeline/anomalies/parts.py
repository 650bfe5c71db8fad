"""Parts of the orders, such as a country: what moves otherwise than all orders do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.alerts import Alert
from pipeline.anomalies import sentences
from pipeline.anomalies.life import Breach, Subject, Watch, Window
from pipeline.anomalies.series import Judgement, Range, Series
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import measured, move, severity
from pipeline.anomalies.whole import COUNT

STRICTNESS = 1.3
"""Factor on the threshold: many parts are judged in every window."""
ORDERS_FACTOR = 2.5
"""Factor on `min_orders`."""
MAX_PARTS = 100
"""Values of a dimension that are judged: a producer may send any number of them."""

_OFFSET = 0.5
"""Added to counts, so that none has a logarithm."""
_MAX_OUTLIERS = 3
"""Parts of a dimension that may be out of the ordinary at once without being news of the others."""
_LEAST_REST_SHARE = 0.1
"""Share of the orders that must be left to go by."""

Parts = Mapping[str, Mapping[str, int]]
"""dimension -> value -> orders."""
Known = tuple[str, tuple[Series, Watch]]


class PartsJudge:
    """One series and one watch for each part, at most `MAX_PARTS` a dimension.

    A series is of the part's share in all orders, so that what all orders do is no news of it.
    """

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings
        self.known: dict[str, dict[str, tuple[Series, Watch]]] = {}

    def use(self, settings: AnomalySettings) -> None:
        """Judge by other settings from now on."""
        self.settings = settings

    def judge(self, window: Window, parts: Parts, all_orders: int) -> list[Alert]:
        """Judge the next window, of so many orders in all; more than none."""
        alerts: list[Alert] = []
        for dimension, counts in parts.items():
            known = self._parts(dimension, counts, all_orders)
            whole = self._without_outliers(window, known, counts, all_orders)
            accepted = False
            for value, (series, watch) in known:
                told, was_accepted = self._judge(window, series, watch, counts.get(value, 0), whole)
                alerts += told
                accepted |= was_accepted
            if accepted:  # one share is another for good, so all are
                for value, (series, _) in known:
                    share = (counts.get(value, 0) + _OFFSET) / all_orders
                    series.baseline.accept(window.middle_us, series.log(share))
        return alerts

    def _without_outliers(
        self, window: Window, known: Sequence[Known], counts: Mapping[str, int], all_orders: int
    ) -> float:
        """All orders, had the parts that are far outside of their range moved as the others did.

        Where a large part falls, the shares of all others rise: that is no news of them.
        """
        whole = rest = float(all_orders)
        rest_share = 1.0
        others = {value: series for value, (series, _) in known}
        for _ in range(_MAX_OUTLIERS):
            outliers = []
            for value, series in others.items():
                orders = counts.get(value, 0)
                judgement = self._judge_share(window, series, orders, whole)
                if judgement.range is None or judgement.direction == 0:
                    continue
                if max(orders, judgement.range.expected * whole) >= ORDERS_FACTOR * self.settings.min_orders:
                    outliers.append((judgement.score or 0.0, value, orders, judgement.range.expected))
            if not outliers:
                break
            _, value, orders, share = max(outliers)
            rest, rest_share = rest - orders, rest_share - share
            if rest <= 0 or rest_share < _LEAST_REST_SHARE:
                break
            whole = rest / rest_share
            del others[value]
        return whole

    def _judge_share(self, window: Window, series: Series, orders: int, whole: float) -> Judgement:
        share = (orders + _OFFSET) / whole
        return series.judge(window.middle_us, share, self.settings, strictness=STRICTNESS)

    def _judge(
        self, window: Window, series: Series, watch: Watch, orders: int, whole: float
    ) -> tuple[list[Alert], bool]:
        """(what is told of a part, whether its share is taken for the usual from now on)."""
        settings = self.settings
        judgement = self._judge_share(window, series, orders, whole)
        accepted = series.learn(window.middle_us, (orders + _OFFSET) / whole, judgement, settings)
        if judgement.range is not None:
            in_orders = Range(*(max(0.0, each * whole - _OFFSET) for each in judgement.range))
            judgement = judgement._replace(range=in_orders)
        now = measured(orders, judgement)
        if accepted:
            return watch.end(window, now, sentences.accepted(COUNT, orders)), True
        breach = self._breach(watch.subject, orders, judgement)
        return watch.observe(window, now, breach, settings.cooldown_windows), False

    def _breach(self, subject: Subject, orders: int, judgement: Judgement) -> Breach | None:
        expected = judgement.range
        if expected is None or judgement.direction == 0:
            return None
        enough = max(expected.expected, orders) if judgement.direction > 0 else expected.expected
        if enough < ORDERS_FACTOR * self.settings.min_orders:
            return None
        words = sentences.part_moved(subject, orders, expected)
        return Breach(move(judgement), severity(judgement), words)

    def _parts(self, dimension: str, counts: Mapping[str, int], all_orders: int) -> list[Known]:
        """The parts that are known, and new ones: where there is no room, in place of much smaller ones."""
        known = self.known.setdefault(dimension, {})
        new = sorted(
            (value for value in counts if value not in known), key=lambda value: (-counts[value], value)
        )
        for value in new[:MAX_PARTS]:
            if len(known) >= MAX_PARTS:
                smallest = min(known, key=lambda each: (known[each][1].is_open, known[each][0].baseline.fast))
                share = math.log((counts[value] + _OFFSET) / all_orders)
                if known[smallest][1].is_open or share <= known[smallest][0].baseline.fast + math.log(2):
                    break
                del known[smallest]
            series = Series(self.settings.windows_per_day, offset=0.0)
            known[value] = (series, Watch(Subject(COUNT, dimension, value)))
        return sorted(known.items())
