"""All orders: spikes, drops, silence and drift of their number, their revenue and their average value."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline.alerts import Alert
from pipeline.anomalies import sentences
from pipeline.anomalies.life import Breach, Measured, Subject, Watch, Window
from pipeline.anomalies.series import Judgement, Series
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import Expectation, Verdicts, expectation, measured, move, severity

COUNT, AVERAGE, REVENUE = "order_count", "average_order_value", "revenue"
METRICS = (COUNT, AVERAGE, REVENUE)
DRIFTING = (COUNT, AVERAGE)
_HAS_ONLY_BEGUN = 8.0
"""So many times as many orders as in the first windows, or as too few to judge, are no spike."""
_DRIFT_LASTS_DAYS = 2
"""After which the new level is the usual one."""

Values = Mapping[str, float | None]
"""Metric -> value; None where there is none."""


class WholeJudge:
    """Three series, each with a watch for sudden changes, two of them with one for drift."""

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings
        self.series = _new_series(settings)
        self.watches = {metric: Watch(Subject(metric)) for metric in METRICS}
        self.drifts = {metric: Watch(Subject(metric)) for metric in DRIFTING}
        self.saw_first = False
        self.silent_windows = 0
        self.missed_orders = 0.0
        """Orders that were expected of the silent windows."""

    def use(self, settings: AnomalySettings) -> None:
        """Judge by other settings from now on."""
        self.settings = settings

    @property
    def gave_up(self) -> bool:
        """Whether there has been no order for a day: the shop is closed, or sends elsewhere."""
        return self.silent_windows >= self.settings.windows_per_day

    @property
    def has_begun(self) -> bool:
        """Whether a window has been learnt."""
        return self.series[COUNT].baseline.seen > 0

    def judge(self, window: Window, values: Values, promotion: float) -> Verdicts:
        """Judge the next window. `promotion`: the factor up to which more orders are expected."""
        self._note_silence(values)
        if self._has_only_begun(window, values[COUNT] or 0.0):
            return Verdicts([], [Expectation(window, Subject(metric), values[metric]) for metric in METRICS])
        judgements = self._judgements(window, values, promotion)
        breaches = self._breaches(values, judgements)
        verdicts = Verdicts([], [])
        for metric in METRICS:
            value, judgement = values[metric], judgements.get(metric)
            if value is None or judgement is None:
                verdicts.expectations.append(Expectation(window, Subject(metric), None))
                continue
            breach = breaches[metric]
            verdicts.expectations.append(expectation(window, Subject(metric), value, judgement, breach))
            verdicts.alerts.extend(self._follow(window, metric, value, judgement, breach, promotion))
        count = judgements[COUNT]
        if count.range is not None and not values[COUNT]:
            self.missed_orders += count.range.expected
        return verdicts

    def correct(self, window: Window, values: Values) -> list[Alert]:
        """What a late pane of a window that has been judged changes: open alerts alone."""
        return [
            alert
            for metric, value in values.items()
            if value is not None
            for alert in self.watches[metric].correct(window, value)
        ]

    def _note_silence(self, values: Values) -> None:
        if not values[COUNT]:
            self.silent_windows += 1
            return
        if self.gave_up and not self.series[COUNT].baseline.knows_the_day:
            self.series = _new_series(self.settings)  # a few stray windows, long ago, say nothing of today
        elif self.gave_up:
            for series in self.series.values():
                series.baseline.return_to_slow()
        self.silent_windows, self.missed_orders = 0, 0.0

    def _has_only_begun(self, window: Window, orders: float) -> bool:
        """Whether this is the first window, of which only the end was seen perhaps.

        Before the first order of today come late ones of before: a few in a window, and no baseline.
        """
        if not self.saw_first:
            self.saw_first = orders > 0
            return True
        baseline = self.series[COUNT].baseline
        if baseline.seen == 0 or baseline.knows_the_day:
            return False
        knows_little = baseline.seen < self.settings.warmup_windows or (
            self.series[COUNT].usual(window.middle_us) < self.settings.min_orders
        )
        if not knows_little or self.series[COUNT].log(orders) - baseline.fast <= math.log(_HAS_ONLY_BEGUN):
            return False
        self.series = _new_series(self.settings)
        return True

    def _judgements(self, window: Window, values: Values, promotion: float) -> dict[str, Judgement]:
        """One for each metric that has a value. Without orders there is nothing to say of their value."""
        orders = values[COUNT] or 0.0
        count = self.series[COUNT].judge(window.middle_us, orders, self.settings, promotion=promotion)
        judgements = {COUNT: count}
        if not orders or count.range is None:
            strictness = 1.0
        else:
            # The mean of fewer orders than usual varies more than usual.
            strictness = max(1.0, math.sqrt(count.range.expected / orders))
        for metric in (AVERAGE, REVENUE):
            value = values[metric]
            if orders and value is not None:
                judgements[metric] = self.series[metric].judge(
                    window.middle_us,
                    value,
                    self.settings,
                    promotion=promotion if metric == REVENUE else 1.0,
                    strictness=strictness,
                )
        return judgements

    def _breaches(self, values: Values, judgements: Mapping[str, Judgement]) -> dict[str, Breach | None]:
        count = judgements[COUNT]
        orders = values[COUNT] or 0.0
        expected = count.range.expected if count.range else 0.0
        breaches: dict[str, Breach | None] = dict.fromkeys(METRICS)
        if not orders and self.missed_orders + expected >= self.settings.min_orders:
            words = sentences.silence(self.silent_windows, self.missed_orders + expected)
            breaches[COUNT] = Breach("silence", "critical", words)
            return breaches
        for metric, judgement in judgements.items():
            value = values[metric]
            if value is None or judgement.range is None or judgement.direction == 0:
                continue
            enough = expected if metric == COUNT and judgement.direction < 0 else max(expected, orders)
            if metric == AVERAGE:
                enough = orders
            if enough >= self.settings.min_orders:
                words = sentences.moved(metric, value, judgement.range)
                breaches[metric] = Breach(move(judgement), severity(judgement), words)
        if breaches[REVENUE] and any(
            breaches[metric] or self.watches[metric].is_open for metric in (COUNT, AVERAGE)
        ):
            breaches[REVENUE] = None  # it is what the other two make it: one incident, one alert
        return breaches

    def _follow(
        self,
        window: Window,
        metric: str,
        value: float,
        judgement: Judgement,
        breach: Breach | None,
        promotion: float,
    ) -> list[Alert]:
        """Tell of the window, and learn it."""
        series, watch = self.series[metric], self.watches[metric]
        drift = self.drifts.get(metric)
        now = measured(value, judgement)
        if self.gave_up:
            return []  # enough was said; it is resolved when orders come
        silent = breach is not None and breach.kind == "silence"  # teaches nothing; it gives up after a day
        accepted = (promotion == 1.0 and not silent) and series.learn(
            window.middle_us,
            value,
            judgement,
            self.settings,
            keeps_slow=drift is not None and drift.is_open,
        )
        if accepted:
            return watch.end(window, now, sentences.accepted(metric, value))
        told = watch.observe(window, now, breach, self.settings.cooldown_windows)
        if drift is not None and promotion == 1.0 and not watch.is_open and judgement.direction == 0:
            told += self._judge_drift(window, drift, series, value)
        return told

    def _judge_drift(self, window: Window, watch: Watch, series: Series, value: float) -> list[Alert]:
        change = series.drift(is_open=watch.is_open)
        cooldown = self.settings.cooldown_windows
        if change is None or self.series[COUNT].usual(window.middle_us) < self.settings.min_orders:
            return watch.observe(window, Measured(value), None, cooldown)
        low, high = (series.usual(window.middle_us, sign * change.limit) for sign in (-1, 1))
        now = Measured(value, low, high, abs(change.logarithm) / change.limit)
        if watch.in_a_row >= _DRIFT_LASTS_DAYS * self.settings.windows_per_day:
            series.baseline.accept_drift()
            return watch.end(window, now, sentences.accepted(watch.subject.metric, value))
        words = sentences.drifted(watch.subject.metric, change.logarithm)
        return watch.observe(window, now, Breach("drift", "error", words), cooldown)


def _new_series(settings: AnomalySettings) -> dict[str, Series]:
    return {
        metric: Series(settings.windows_per_day, offset=0.5 if metric == COUNT else 0.0) for metric in METRICS
    }
