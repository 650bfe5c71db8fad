"""DetectAnomalies on a stream: in the order of event time, each window once, silence by a timer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apache_beam as beam
import pytest
from msgspec.structs import replace

from pipeline.alerts import Alert
from pipeline.anomalies.settings import AnomalySettings
from pipeline.clock import now_us
from pipeline.elements import DeadLetter, Event
from pipeline.transforms.anomalies import DetectAnomalies, Metrics
from pipeline.transforms.order_metrics import SummarizeOrders, SummarizeSettings
from pipeline.transforms.quality import LedgerSettings, MeasureQuality, Outcomes
from pipeline.transforms.stock import SummarizeStock
from tests.transforms.builders import NOON_US, SECOND, at, event
from tests.transforms.streams import LONGEST_TIMER_SECONDS, Outcome, Script, run_batch

W = 1_200
"""Seconds of a window: a day has few enough for its silence to be played to the end."""
Build = Callable[[beam.PCollection], Mapping[str, beam.PCollection]]


def detect(judged: str = "orders", *, all_at_once: bool = False, **settings: Any) -> Build:
    """Judge orders and movements of stock that are written, user activity that is rejected: those named."""
    judged_by = AnomalySettings(
        **{
            "warmup_windows": 4,
            "min_orders": 5,
            "min_messages": 5,
            "max_latency_ms": None,
            "threshold": 6.0,
            **settings,
        },
        window_seconds=W,
        ledger_window_seconds=W,
        all_at_once=all_at_once,
    )
    pane_seconds = None if all_at_once else LONGEST_TIMER_SECONDS

    def build(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
        summarize = SummarizeSettings(W, pane_seconds, 86_400)
        written = events | "Written" >> beam.ParDo(_Take(True))
        orders = stock = ledger = nothing = events | "Nothing" >> beam.FlatMap(lambda _: [])
        if "orders" in judged:
            orders = (written | SummarizeOrders(summarize)).windows
        if "stock" in judged:
            stock = written | SummarizeStock(summarize)
        if "ledger" in judged:
            rejected = events | "Rejected" >> beam.ParDo(_Take(False)) | beam.Map(_to_letters)
            outcomes = Outcomes(written, nothing, {"Parse": rejected})
            ledger = outcomes | MeasureQuality(LedgerSettings(W, pane_seconds))
        found = Metrics(orders, ledger, stock) | DetectAnomalies(judged_by)
        return {"alerts": found.alerts | _each(), "expectations": found.expectations | "Rows" >> _each()}

    return build


def _each() -> beam.PTransform:
    return beam.FlatMap(lambda chunk: chunk)


class _Take(beam.DoFn):
    def __init__(self, written: bool) -> None:
        self.written = written

    def process(self, events: list[Event]) -> list[list[Event]]:
        taken = [each for each in events if (each.event_type != "user_activity") == self.written]
        return [taken] if taken else []


def _to_letters(events: list[Event]) -> list[DeadLetter]:
    return [
        DeadLetter(each.message, "parse", "wrong_type", (), each.event_type, each.processed_at_us)
        for each in events
    ]


def window(number: int, orders: int, amount: float = 10.0, first: int = 0) -> list[Event]:
    """As many orders of one window."""
    return [
        event(f"{number}-{each}", seconds=number * W + each, total_amount=amount, order_id=f"{number}-{each}")
        for each in range(first, orders)
    ]


def play(*sizes: int) -> Script:
    """One window after the other, each of so many orders; the watermark follows."""
    script = Script()
    for number, orders in enumerate(sizes):
        if orders:
            script.chunk(*window(number, orders))
        script.watermark((number + 1) * W)
    return script


def told(outcome: Outcome, windows: int = 1_000) -> list[tuple[str, str, str, float, float, int]]:
    """Kind, metric, state, window, value and breaches of each alert on the first windows, in order.

    When a stream ends the runner says that time goes on without orders: that is a silence.
    """
    alerts: list[Alert] = outcome.outputs["alerts"]
    found = [
        (
            each.kind,
            each.metric,
            each.state,
            (each.window_start_us - at(0)) / (W * SECOND),
            each.value,
            each.breaches,
        )
        for each in alerts
    ]
    return [each for each in found if each[3] < windows]


STEADY = (20, 22, 21, 20, 22, 21)


def test_a_spike_and_a_drop_are_found_in_their_windows() -> None:
    sizes = (*STEADY, 90, *STEADY[:3], 1)
    outcome = play(*sizes).run(detect())
    assert told(outcome, len(sizes)) == [
        ("spike", "order_count", "open", 6, 90, 1),
        ("spike", "order_count", "resolved", 9, 21, 1),
        ("drop", "order_count", "open", 10, 1, 1),
    ]
    # Every window has what was expected of it, once.
    rows = outcome.outputs["expectations"]
    counts = [each for each in rows if each.subject.metric == "order_count" and each.value]
    assert [(each.window.start_us - at(0)) // (W * SECOND) for each in counts] == list(range(11))
    assert [each.verdict for each in counts] == [
        *["not_judged"] * 5,  # the first of them may be half a window, and is not even learnt
        "normal",
        "spike",
        *["normal"] * 3,
        "drop",
    ]


def test_windows_are_judged_in_the_order_of_event_time() -> None:
    # All panes come at once. Judged in any other order, the spike would come before the warm-up.
    script = Script()
    for number, orders in reversed(list(enumerate((30, *STEADY, 90)))):
        script.chunk(*window(number, orders))
    assert told(script.watermark(8 * W).run(detect()), 8) == [("spike", "order_count", "open", 7, 90, 1)]


def test_silence_is_found_by_a_timer_goes_on_and_is_resolved_when_orders_return() -> None:
    sizes = (*STEADY, 0, 0, 0, *STEADY[:3])
    alerts = told(play(*sizes).run(detect()))
    assert alerts[:4] == [
        ("silence", "order_count", "open", 6, 0, 1),
        ("silence", "order_count", "ongoing", 7, 0, 2),
        ("silence", "order_count", "ongoing", 8, 0, 3),
        ("silence", "order_count", "resolved", 11, 21, 3),
    ]
    # As the stream ends no order comes for a day of 72 windows.
    assert [each[2:4] for each in alerts[4:]] == [
        ("open", 12),
        *(("ongoing", number) for number in range(13, 83)),
    ]


def test_early_panes_are_not_judged() -> None:
    script = play(*STEADY).chunk(*window(6, 1)).wait(LONGEST_TIMER_SECONDS + 1)
    script.chunk(*window(6, 20, first=1)).watermark(7 * W)
    assert told(script.run(detect()), 7) == []


def late(number: int, first: int, orders: int) -> list[Event]:
    """Orders of a window that are published when it has been judged."""
    published_us = at((number + 1) * W + 20)
    return [
        replace(
            each, message=replace(each.message, publish_time_us=published_us), publish_time_us=published_us
        )
        for each in window(number, orders, first=first)
    ]


def test_a_late_pane_withdraws_a_drop_and_never_opens_an_alert() -> None:
    script = play(*STEADY, 1)
    script.chunk(*late(6, 1, 10)).wait(LONGEST_TIMER_SECONDS + 1)  # still too few
    script.chunk(*late(6, 10, 20)).wait(LONGEST_TIMER_SECONDS + 1)
    script.chunk(*late(6, 20, 200)).wait(LONGEST_TIMER_SECONDS + 1)  # would have been a spike
    for number, orders in enumerate(STEADY, 7):
        script.chunk(*window(number, orders)).watermark((number + 1) * W)
    assert told(script.run(detect()), 13) == [
        ("drop", "order_count", "open", 6, 1, 1),
        ("drop", "order_count", "resolved", 6, 20, 1),
    ]


def test_a_late_pane_of_a_silent_window_withdraws_the_silence() -> None:
    script = play(*STEADY, 0).chunk(*late(6, 0, 20)).wait(LONGEST_TIMER_SECONDS + 1)
    script.chunk(*window(7, 20)).watermark(8 * W)
    assert told(script.run(detect()), 8) == [
        ("silence", "order_count", "open", 6, 0, 1),
        ("silence", "order_count", "resolved", 6, 20, 1),
    ]


def activity(number: int, count: int) -> list[Event]:
    return [event(f"a-{number}-{each}", "user_activity", seconds=number * W + each) for each in range(count)]


def test_too_many_rejected_messages_are_one_alert_which_gaps_resolve() -> None:
    outcome = (
        Script().chunk(*window(0, 6), *activity(0, 10)).watermark(W).watermark(6 * W).run(detect("ledger"))
    )
    assert [each for each in told(outcome, 6) if each[1] == "validity_rate"] == [
        ("low_validity", "validity_rate", "open", 0, 0.0, 1),
        ("low_validity", "validity_rate", "resolved", 3, 1.0, 1),
    ]
    assert outcome.outputs["alerts"][0].dimension_value == "user_activity"


def test_slow_messages_are_an_alert() -> None:
    # Each event is processed a second after it was published.
    outcome = play(6).run(detect("ledger", max_latency_ms=500.0))
    (alert, *_) = outcome.outputs["alerts"]
    assert (alert.kind, alert.state, alert.expected_high) == ("high_latency", "open", 500.0)
    assert alert.value == pytest.approx(1_000, rel=0.01)


def movement(number: int, reason: str, units: int, warehouse: str = "w-1") -> Event:
    return event(
        f"i-{number}-{reason}-{warehouse}",
        "inventory",
        seconds=number * W,
        reason=reason,
        quantity_change=units,
        product_id="p-1",
        warehouse_id=warehouse,
    )


def test_windows_that_a_drain_closes_before_they_have_ended_are_not_judged() -> None:
    hour_us = 3_600 * SECOND
    now_seconds = (now_us() - NOON_US) // hour_us * 3_600
    script, events = Script(), []
    for number, orders in enumerate((*STEADY, *STEADY)):
        moved_us = (now_seconds + 3_600 - 6 * W) * SECOND
        for each in window(number, orders):
            published_us = each.publish_time_us + moved_us
            events.append(
                replace(
                    each,
                    event_time_us=each.event_time_us + moved_us,
                    publish_time_us=published_us,
                    message=replace(each.message, publish_time_us=published_us),
                )
            )
    outcome = script.chunk(*events).run(detect(min_orders=1))
    judged = [each.window for each in outcome.outputs["expectations"]]
    assert all(each.end_us <= now_us() for each in judged)
    assert [each for each in outcome.outputs["alerts"] if each.kind in ("drop", "silence")] == []


def test_in_streaming_and_all_at_once_the_same_is_told() -> None:
    sizes = (*STEADY, 90, *STEADY[:3], 1, 2, *STEADY[:3], 0, 0, *STEADY[:3])
    events, everything = [], "orders, ledger, stock"
    for number, orders in enumerate(sizes):
        events.append(
            [*window(number, orders), *activity(number, 8 * (number in (3, 4))), movement(number, "sale", 1)]
        )
    script = Script()
    for number, chunk in enumerate(events):
        script.chunk(*chunk).watermark((number + 1) * W)
    end_us = at(len(sizes) * W)
    streamed = [
        each for each in script.run(detect(everything)).outputs["alerts"] if each.window_end_us <= end_us
    ]
    shuffled = [events[-1 - number] for number in range(len(events))]
    together = run_batch(shuffled, detect(everything, all_at_once=True)).outputs["alerts"]

    def order(alert: Alert) -> tuple[Any, ...]:
        return (alert.window_start_us, alert.alert_id, alert.state)

    assert sorted(streamed, key=order) == sorted(together, key=order)
    assert {each.kind for each in together} == {"spike", "drop", "silence", "low_validity", "wrong_way"}
