"""Which windows are out of the ordinary: a first detector on orders and revenue, and a floor for validity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.ml.anomaly.detectors.robust_zscore import RobustZScore
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.timestamp import Timestamp

from pipeline.alerts import Alert
from pipeline.clock import now_us
from pipeline.transforms.quality import Counts
from pipeline.transforms.windowed_sums import Revision
from pipeline.windows import beam_timestamp

JUDGED_METRICS = ("order_count", "revenue")
_SCALE = RobustZScore.SCALE_FACTOR


class AnomalySettings(NamedTuple):
    """When a window is worth an alert."""

    threshold: float = 5.0
    """Robust z-score from which a window counts as an anomaly."""
    min_change_share: float = 0.1
    """Share of the median by which a window must at least differ: quiet hours make the spread tiny."""
    warmup_windows: int = 12
    """Windows that are only learnt from, before the first is judged."""
    min_validity_rate: float = 0.9
    """Share of messages that must not be rejected."""
    min_messages: int = 50
    """Messages a window must have before its validity is judged."""
    all_at_once: bool = False
    """Whether all windows are there before the first is judged, as in a run over files."""


class DetectAnomalies(beam.PTransform):
    """Judge each window once, in the order of event time, by its on-time pane.

    Input: a tuple (Revision of {value: OrderTotals}, Revision of {event_type: Counts}).
    Output: Alert. State: one detector per metric, with at most 1,000 past values each.
    Source: docs/adr/0006-detectors-in-our-own-dofn.md
    """

    def __init__(self, settings: AnomalySettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, revisions: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        orders, ledger = revisions
        observed = (
            orders
            | "TakeOrderMetrics" >> beam.ParDo(_TakeOrderMetrics()).with_output_types(tuple[str, Observation])
            | "OrdersInOneWindow" >> beam.WindowInto(GlobalWindows())
        )
        if self.settings.all_at_once:
            grouped = observed | "GroupByMetric" >> beam.GroupByKey()
            unusual = grouped | "JudgeAll" >> beam.ParDo(_JudgeAll(self.settings)).with_output_types(Alert)
        else:
            judged = beam.ParDo(_JudgeInOrder(self.settings)).with_output_types(Alert)
            unusual = observed | "JudgeInOrder" >> judged
        invalid = (
            ledger
            | "JudgeValidity" >> beam.ParDo(_JudgeValidity(self.settings)).with_output_types(Alert)
            | "LedgerInOneWindow" >> beam.WindowInto(GlobalWindows())
        )
        return (unusual, invalid) | "AllAlerts" >> beam.Flatten()


class Observation(NamedTuple):
    """One metric of one window."""

    window_start_us: int
    window_end_us: int
    value: float


def judge(
    detector: RobustZScore, seen: int, metric: str, observed: Observation, settings: AnomalySettings
) -> Alert | None:
    """Score one window against those before it, then learn it."""
    row = beam.Row(value=observed.value)
    score = detector.score_one(row)
    median, mad = detector._mad_tracker.get_median(), detector._mad_tracker.get()
    detector.learn_one(row)
    if seen < settings.warmup_windows or score is None or math.isnan(score):
        return None
    # The detector says nothing of a spread of 0, and too much of a tiny one.
    margin = max(settings.threshold * mad / _SCALE, settings.min_change_share * median)
    distance = abs(observed.value - median)
    if distance == 0 or distance < margin:
        return None
    score = settings.threshold * distance / margin if margin else 2 * settings.threshold
    kind = "spike" if observed.value > median else "drop"
    word = "orders" if metric == "order_count" else metric
    return Alert(
        kind=kind,
        severity="error" if score < 2 * settings.threshold else "critical",
        metric=metric,
        dimension="all",
        dimension_value="all",
        window_start_us=observed.window_start_us,
        window_end_us=observed.window_end_us,
        value=observed.value,
        expected_low=max(0.0, median - margin),
        expected_high=median + margin,
        score=score,
        summary=(
            f"{word.capitalize()} {'rose' if kind == 'spike' else 'fell'} to {observed.value:,.0f}; "
            f"{max(0.0, median - margin):,.0f} to {median + margin:,.0f} were expected."
        ),
    )


def is_complete(revision: Revision, now_us: int) -> bool:
    """Whether this is the pane by which its window is judged.

    A drain closes windows before they have ended; what such a window lacks is no drop.
    """
    return revision.pane_timing == "on_time" and revision.window_end_us <= now_us


def judge_validity(revision: Revision, settings: AnomalySettings) -> Alert | None:
    """An alert if too many of a window's messages were rejected."""
    total = Counts()
    for counts in revision.parts.values():
        total.add(counts)
    rate = total.validity_rate
    if rate is None or total.received < settings.min_messages or rate >= settings.min_validity_rate:
        return None
    return Alert(
        kind="low_validity",
        severity="critical" if rate < settings.min_validity_rate / 2 else "error",
        metric="validity_rate",
        dimension="all",
        dimension_value="all",
        window_start_us=revision.window_start_us,
        window_end_us=revision.window_end_us,
        value=rate,
        expected_low=settings.min_validity_rate,
        expected_high=1.0,
        score=None,
        summary=(
            f"{total.rejected:,} of {total.received:,} messages were rejected: validity {rate:.1%}, "
            f"at least {settings.min_validity_rate:.1%} was expected. See dead_letters for the reasons."
        ),
    )


class _TakeOrderMetrics(beam.DoFn):
    def process(self, revision: Revision) -> Iterator[tuple[str, Observation]]:
        if revision.group != "all" or not is_complete(revision, now_us()):
            return
        totals = revision.parts["all"]
        for metric, value in zip(JUDGED_METRICS, (totals.orders, totals.revenue.value()), strict=True):
            if value is not None:
                yield metric, Observation(revision.window_start_us, revision.window_end_us, float(value))


class _JudgeAll(beam.DoFn):
    """A timer for each window would cost a turn of the runner each."""

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings

    def process(self, element: tuple[str, Iterable[Observation]]) -> Iterator[Alert]:
        metric, observations = element
        detector = RobustZScore()
        for seen, observed in enumerate(sorted(observations)):
            alert = judge(detector, seen, metric, observed, self.settings)
            if alert is not None:
                yield alert


class _JudgeInOrder(beam.DoFn):
    """Panes come in any order: they wait until the watermark says that no earlier one is to come."""

    WAITING = BagStateSpec("waiting", PickleCoder())
    DETECTOR = ReadModifyWriteStateSpec("detector", PickleCoder())  # (RobustZScore, windows seen, metric)
    JUDGE = TimerSpec("judge", TimeDomain.WATERMARK)

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings

    def process(
        self,
        element: tuple[str, Observation],
        waiting: Any = beam.DoFn.StateParam(WAITING),
        judge_timer: Any = beam.DoFn.TimerParam(JUDGE),
    ) -> Iterable[Alert]:
        metric, observed = element
        waiting.add((metric, observed))
        earliest_us = min(each.window_end_us for _, each in waiting.read())
        judge_timer.set(beam_timestamp(earliest_us))
        return ()

    @on_timer(JUDGE)
    def judge_waiting(
        self,
        fired_at: Timestamp = beam.DoFn.TimestampParam,
        waiting: Any = beam.DoFn.StateParam(WAITING),
        detector_state: Any = beam.DoFn.StateParam(DETECTOR),
        judge_timer: Any = beam.DoFn.TimerParam(JUDGE),
    ) -> Iterator[Alert]:
        detector, seen = detector_state.read() or (RobustZScore(), 0)
        kept = []
        for metric, observed in sorted(waiting.read()):
            if observed.window_end_us > fired_at.micros:
                kept.append((metric, observed))
                continue
            alert = judge(detector, seen, metric, observed, self.settings)
            seen += 1
            if alert is not None:
                yield alert
        detector_state.write((detector, seen))
        waiting.clear()
        for each in kept:
            waiting.add(each)
        if kept:
            judge_timer.set(beam_timestamp(min(observed.window_end_us for _, observed in kept)))


class _JudgeValidity(beam.DoFn):
    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings

    def process(self, revision: Revision) -> Iterator[Alert]:
        if is_complete(revision, now_us()):
            alert = judge_validity(revision, self.settings)
            if alert is not None:
                yield alert
