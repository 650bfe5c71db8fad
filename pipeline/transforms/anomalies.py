"""Detecting anomalies: what is observed, brought into the order of event time, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.timestamp import Timestamp

from pipeline.alerts import Alert
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import Expectation, Verdicts
from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.packing import pack
from pipeline.transforms.observations import (
    Observation,
    PackedWindows,
    assemble,
    judge_of,
    observe_ledger,
    observe_orders,
    observe_stock,
)
from pipeline.transforms.windowed_sums import Revision
from pipeline.windows import beam_timestamp

EXPECTATIONS = "expectations"
Observe = Callable[[Revision], tuple[str, Observation] | None]


class Metrics(NamedTuple):
    """What is judged."""

    orders: beam.PCollection  # Revision of {dimension_value: OrderTotals}
    ledger: beam.PCollection  # Revision of {event_type: Counts}
    stock: beam.PCollection  # Revision of {product_id: Moves}, one group per warehouse


class AnomalyOutputs(NamedTuple):
    """What comes out of DetectAnomalies."""

    alerts: beam.PCollection  # list[Alert]
    expectations: beam.PCollection  # list[Expectation]


class DetectAnomalies(beam.PTransform):
    """Judge each window once, in the order of event time, by its on-time pane.

    A late pane may withdraw an alert that is open; it never opens or repeats one. A window in which
    nothing came is judged by a timer, as a silence.

    Input: Metrics. Output: AnomalyOutputs.
    State: per key (orders, ledger, each warehouse) its judge, bounded as each of them says.
    Source: docs/adr/0014-baselines-of-our-own.md
    """

    def __init__(self, settings: AnomalySettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, metrics: Metrics) -> AnomalyOutputs:
        all_at_once = self.settings.all_at_once
        observed = (
            metrics.orders | "ObserveOrders" >> _Observe(observe_orders, packed=all_at_once),
            metrics.ledger | "ObserveLedger" >> _Observe(observe_ledger, packed=all_at_once),
            metrics.stock | "ObserveStock" >> _Observe(observe_stock, packed=all_at_once),
        )
        keyed = observed | "AllObserved" >> beam.Flatten()  # (key, Observation), packed if all at once
        if all_at_once:
            keyed = keyed | "GroupByKey" >> beam.GroupByKey()
            judge: beam.DoFn = _JudgeAll(self.settings)
        else:
            judge = _JudgeInOrder(self.settings)
        typed = beam.ParDo(judge).with_output_types(Chunk, expectations=Chunk)
        judged = keyed | "Judge" >> typed.with_outputs(EXPECTATIONS, main="alerts")
        return AnomalyOutputs(judged.alerts, judged[EXPECTATIONS])


class _Observe(beam.PTransform):
    """Input: Revision. Output: (key, Observation) in one window; if `packed`, (key, (start in µs, bytes))."""

    def __init__(self, observe: Observe, *, packed: bool) -> None:
        super().__init__()
        self.observe = observe
        self.packed = packed

    def expand(self, revisions: beam.PCollection) -> beam.PCollection:
        take = beam.ParDo(_Take(self.observe)).with_output_types(tuple[str, Observation])
        taken = revisions | "Take" >> take | "InOneWindow" >> beam.WindowInto(GlobalWindows())
        if not self.packed:
            return taken
        return taken | "Pack" >> beam.ParDo(_Pack()).with_output_types(tuple[str, tuple[int, bytes]])


class _Take(beam.DoFn):
    def __init__(self, observe: Observe) -> None:
        self.observe = observe

    def process(self, revision: Revision) -> Iterator[tuple[str, Observation]]:
        keyed = self.observe(revision) if revision.window_end_us <= now_us() else None
        if keyed is not None:
            yield keyed


def _give_out(verdicts: Iterable[Verdicts]) -> Iterator[list[Alert] | TaggedOutput]:
    alerts: list[Alert] = []
    expectations: list[Expectation] = []
    for each in verdicts:
        alerts += each.alerts
        expectations += each.expectations
    if alerts:
        yield alerts
    if expectations:
        yield TaggedOutput(EXPECTATIONS, expectations)


class _Pack(beam.DoFn):
    """What is known of all windows of a key waits in one place."""

    def process(self, keyed: tuple[str, Observation]) -> Iterator[tuple[str, tuple[int, bytes]]]:
        key, observation = keyed
        yield key, (observation.window_start_us, pack(observation))


class _JudgeAll(beam.DoFn):
    """A timer for each window would cost a turn of the runner each."""

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings

    def process(
        self, element: tuple[str, Iterable[tuple[int, bytes]]]
    ) -> Iterator[list[Alert] | TaggedOutput]:
        key, observations = element
        in_order = judge_of(key, self.settings)
        yield from _give_out(in_order.advance(PackedWindows(key, observations)))


class _JudgeInOrder(beam.DoFn):
    """Panes come in any order: they wait until the watermark says that no earlier one is to come."""

    WAITING = BagStateSpec("waiting", PickleCoder())
    JUDGE = ReadModifyWriteStateSpec("judge", PickleCoder())  # (key, InOrder): large, written once a window
    NEXT = ReadModifyWriteStateSpec("next", PickleCoder())  # (start of the next window, end of the next gap)
    NEXT_END = TimerSpec("next_end", TimeDomain.WATERMARK)

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings

    def process(
        self,
        element: tuple[str, Observation],
        waiting: Any = beam.DoFn.StateParam(WAITING),
        judge_state: Any = beam.DoFn.StateParam(JUDGE),
        next_state: Any = beam.DoFn.StateParam(NEXT),
        next_end: Any = beam.DoFn.TimerParam(NEXT_END),
    ) -> Iterator[list[Alert]]:
        key, observation = element
        next_start_us, gap_end_us = next_state.read() or (None, None)
        is_judged = next_start_us is not None and observation.window_start_us < next_start_us
        if not is_judged:
            if next_start_us is None:
                judge_state.write((key, judge_of(key, self.settings)))
            waiting.add(observation)
            _wake(next_end, gap_end_us, waiting.read())
            return
        in_order = judge_of(key, self.settings, judge_state.read()[1])
        corrected: list[Alert] = []
        for start_us, observed in assemble(key, [observation]).items():
            corrected += in_order.correct(start_us, observed)
        judge_state.write((key, in_order))
        if corrected:
            yield corrected

    @on_timer(NEXT_END)
    def judge_waiting(
        self,
        fired_at: Timestamp = beam.DoFn.TimestampParam,
        waiting: Any = beam.DoFn.StateParam(WAITING),
        judge_state: Any = beam.DoFn.StateParam(JUDGE),
        next_state: Any = beam.DoFn.StateParam(NEXT),
        next_end: Any = beam.DoFn.TimerParam(NEXT_END),
    ) -> Iterator[list[Alert] | TaggedOutput]:
        if fired_at.micros > now_us():
            return  # a drain closes windows before they have ended: what they lack is no anomaly
        key, stored = judge_state.read()
        in_order = judge_of(key, self.settings, stored)
        due: list[Observation] = []
        kept: list[Observation] = []
        for observation in waiting.read():
            (due if observation.window_end_us <= fired_at.micros else kept).append(observation)
        yield from _give_out(in_order.advance(assemble(key, due), fired_at.micros))
        judge_state.write((key, in_order))
        next_state.write((in_order.next_start_us, in_order.next_gap_end_us))
        waiting.clear()
        for observation in kept:
            waiting.add(observation)
        _wake(next_end, in_order.next_gap_end_us, kept)


def _wake(next_end: Any, gap_end_us: int | None, waiting: Iterable[Observation]) -> None:
    """Set the timer to when something is next to be judged."""
    ends = [observation.window_end_us for observation in waiting]
    if gap_end_us is not None:
        ends.append(gap_end_us)
    if ends:
        next_end.set(beam_timestamp(min(ends)))
