"""DetectAnomalies on a stream: in the order of event time, each window once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import apache_beam as beam

from pipeline.alerts import Alert
from pipeline.elements import DeadLetter, Event
from pipeline.transforms.anomalies import AnomalySettings, DetectAnomalies
from pipeline.transforms.order_metrics import SummarizeOrders, SummarizeSettings
from pipeline.transforms.quality import LedgerSettings, MeasureQuality, Outcomes
from tests.transforms.builders import at, event
from tests.transforms.streams import LONGEST_TIMER_SECONDS, Outcome, Script


def detect(**settings: float) -> Callable[[beam.PCollection], Mapping[str, beam.PCollection]]:
    judged_by = AnomalySettings(**{"warmup_windows": 4, "min_messages": 5, **settings})  # type: ignore[arg-type]

    def build(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
        orders = events | SummarizeOrders(
            SummarizeSettings(window_seconds=300, pane_seconds=LONGEST_TIMER_SECONDS)
        )
        accepted = events | "Valid" >> beam.ParDo(_Take(True))
        rejected = events | "Invalid" >> beam.ParDo(_Take(False)) | beam.Map(_to_letters)
        duplicates = events | "None" >> beam.FlatMap(lambda _: [])
        outcomes = Outcomes(accepted, duplicates, {"Parse": rejected})
        ledger = outcomes | MeasureQuality(LedgerSettings(300, LONGEST_TIMER_SECONDS))
        return {"alerts": (orders.windows, ledger) | DetectAnomalies(judged_by)}

    return build


def window(number: int, orders: int, amount: float = 10.0) -> list[Event]:
    """As many orders of one window."""
    return [
        event(f"{number}-{each}", seconds=number * 300 + each, total_amount=amount) for each in range(orders)
    ]


def found(outcome: Outcome) -> list[tuple[str, str, float, float]]:
    """Kind, metric, window start in s after noon and value of each alert, in order."""
    alerts: list[Alert] = outcome.outputs["alerts"]
    return [
        (each.kind, each.metric, (each.window_start_us - at(0)) / 1e6, each.value)
        for each in sorted(alerts, key=lambda each: (each.window_start_us, each.metric))
    ]


SIZES = (5, 7, 6, 5, 7, 6)
LARGER = (20, 22, 21, 20, 22, 21)


def test_a_spike_and_a_drop_are_found_in_their_windows() -> None:
    script = Script()
    for number, orders in enumerate((*LARGER, 90, *LARGER, 1)):
        script.chunk(*window(number, orders)).watermark(number * 300 + 300)
    assert found(script.run(detect())) == [
        ("spike", "order_count", 1_800, 90),
        ("spike", "revenue", 1_800, 900),
        ("drop", "order_count", 3_900, 1),
        ("drop", "revenue", 3_900, 10),
    ]


def test_quiet_windows_raise_no_alert() -> None:
    script = Script()
    for number, orders in enumerate((*SIZES, *SIZES)):
        script.chunk(*window(number, orders)).watermark(number * 300 + 300)
    assert found(script.run(detect())) == []


def test_windows_are_judged_in_the_order_of_event_time() -> None:
    # All panes come at once. Judged in any other order, a spike before the warm-up would be one after it.
    script = Script()
    for number, orders in reversed(list(enumerate((60, *SIZES, 60)))):
        script.chunk(*window(number, orders))
    assert found(script.watermark(9_000).run(detect())) == [
        ("spike", "order_count", 2_100, 60),
        ("spike", "revenue", 2_100, 600),
    ]


def test_early_and_late_panes_are_not_judged() -> None:
    script = Script()
    for number, orders in enumerate(SIZES):
        script.chunk(*window(number, orders)).watermark(number * 300 + 300)
    script.chunk(*window(6, 1)).wait(LONGEST_TIMER_SECONDS + 1)  # an early pane that looks like a drop
    script.chunk(*window(6, 6)[1:]).watermark(2_400)
    late = [
        each._replace(message=each.message._replace(publish_time_us=at(2_401))) for each in window(6, 80)[6:]
    ]
    script.chunk(*late).wait(LONGEST_TIMER_SECONDS + 1)  # a late pane that looks like a spike
    assert found(script.run(detect())) == []


def test_too_many_rejected_messages_are_one_alert() -> None:
    good, bad = window(0, 6), [event(f"bad-{number}", "inventory", seconds=number) for number in range(4)]
    outcome = Script().chunk(*good).wait(61).chunk(*bad).watermark(300).run(detect())
    assert found(outcome) == [("low_validity", "validity_rate", 0, 0.6)]


class _Take(beam.DoFn):
    """Movements of stock stand for rejected messages."""

    def __init__(self, valid: bool) -> None:
        self.valid = valid

    def process(self, events: list[Event]) -> list[list[Event]]:
        taken = [each for each in events if (each.event_type == "order") == self.valid]
        return [taken] if taken else []


def _to_letters(events: list[Event]) -> list[object]:
    return [
        DeadLetter(each.message, "parse", "wrong_type", (), each.event_type, each.processed_at_us)
        for each in events
    ]
