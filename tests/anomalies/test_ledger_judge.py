"""The ledger, window by window: too many rejected, too slow."""

from __future__ import annotations

import pytest

from pipeline.alerts import Alert
from pipeline.anomalies.ledger import LedgerJudge
from pipeline.anomalies.settings import AnomalySettings
from pipeline.histogram import Histogram
from pipeline.transforms.quality import Counts
from tests.anomalies.shop import SETTINGS, window


class Ledger:
    """A judge of the ledger, and the number of the next window."""

    def __init__(self, settings: AnomalySettings = SETTINGS) -> None:
        self.judge = LedgerJudge(settings)
        self.next = 0

    def see(self, **counts: Counts) -> list[Alert]:
        verdicts = self.judge.judge(window(self.next), counts or None)
        self.next += 1
        assert verdicts.expectations == []
        return verdicts.alerts


def validity(accepted: int, rejected: int, duplicates: int = 0) -> Counts:
    return Counts(accepted, duplicates, rejected)


def latency(*delays_ms: float, times: int = 1) -> Counts:
    histogram = Histogram()
    for delay_ms in delays_ms * times:
        histogram.add(delay_ms)
    return Counts(len(delays_ms) * times, latency_ms=histogram)


def told(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.dimension_value, each.state) for each in alerts]


@pytest.mark.parametrize(
    ("counts", "severity"),
    [
        (validity(90, 10), None),
        (validity(89, 11), "error"),
        (validity(46, 54), "error"),
        (validity(44, 56), "critical"),
        (validity(0, 49), None),
        (validity(0, 50), "critical"),
        (validity(0, 6, duplicates=94), None),
        (validity(0, 0), None),
    ],
    ids=["enough", "too few", "about half", "below half", "few messages", "all", "duplicates", "nothing"],
)
def test_validity_of_an_event_type_is_judged(counts: Counts, severity: str | None) -> None:
    alerts = Ledger().see(order=counts)
    assert [alert.severity for alert in alerts] == ([severity] if severity else [])


def test_an_alert_says_what_was_seen_and_where_to_look() -> None:
    (alert,) = Ledger().see(order=validity(40, 10), inventory=validity(200, 0))
    assert (alert.kind, alert.metric, alert.dimension) == ("low_validity", "validity_rate", "event_type")
    assert (alert.dimension_value, alert.value, alert.expected_low) == ("order", 0.8, 0.9)
    assert alert.summary == (
        "10 of 50 messages of type order were rejected: 80.0% are valid, at least 90.0% were expected. "
        "The reasons are in dead_letters."
    )


def test_each_event_type_has_an_alert_of_its_own() -> None:
    alerts = Ledger().see(order=validity(30, 30), inventory=validity(30, 30), user_activity=validity(60, 0))
    assert told(alerts) == [("low_validity", "inventory", "open"), ("low_validity", "order", "open")]


def test_all_messages_are_told_of_where_no_type_explains_it() -> None:
    (alert,) = Ledger().see(order=validity(30, 19), inventory=validity(30, 19))
    assert (alert.dimension, alert.dimension_value) == ("all", "all")
    assert alert.summary.startswith("38 of 98 messages were rejected: 61.2% are valid")


def test_all_messages_are_not_told_of_where_one_type_explains_it() -> None:
    assert told(Ledger().see(order=validity(10, 90), inventory=validity(30, 19))) == [
        ("low_validity", "order", "open")
    ]


def test_validity_goes_on_and_is_resolved_in_windows_without_messages() -> None:
    ledger = Ledger()
    assert not ledger.judge.wants_gaps
    states = [[each.state for each in ledger.see(order=validity(10, 90))] for _ in range(2)]
    assert ledger.judge.wants_gaps
    states += [[each.state for each in ledger.see()] for _ in range(4)]
    assert states == [["open"], ["ongoing"], [], [], ["resolved"], []]
    assert not ledger.judge.wants_gaps


def test_a_late_pane_changes_nothing() -> None:
    ledger = Ledger()
    ledger.see(order=validity(10, 90))
    assert ledger.judge.correct(window(0), {"order": validity(1_000, 90)}) == []
    assert ledger.judge.wants_gaps


@pytest.mark.parametrize(("slow", "kinds"), [(5, []), (6, ["high_latency"])])
def test_one_message_in_twenty_may_be_slow(slow: int, kinds: list[str]) -> None:
    delays = [100.0] * (100 - slow) + [90_000.0] * slow
    assert [alert.kind for alert in Ledger().see(order=latency(*delays))] == kinds


def test_latency_of_all_types_together_is_judged_by_the_limit() -> None:
    ledger = Ledger(SETTINGS._replace(max_latency_ms=1_000.0))
    (alert,) = ledger.see(order=latency(500.0), inventory=latency(2_000.0, times=9))
    assert (alert.kind, alert.metric, alert.severity) == ("high_latency", "latency_ms_p95", "error")
    assert alert.value == pytest.approx(2_000, rel=0.01)
    assert alert.expected_high == 1_000.0
    assert alert.score == pytest.approx(2, rel=0.01)
    assert alert.summary == (
        "One message in twenty took more than 2.0 s from publish to processed; 1.0 s is the limit."
    )
    states = [[each.state for each in ledger.see(order=latency(*delays))] for delays in ([2e3], [1.0], [1.0])]
    assert states == [["ongoing"], [], []]
    assert [(each.state, each.breaches) for each in ledger.see()] == [("resolved", 2)]


def test_latency_is_not_judged_without_a_limit() -> None:
    ledger = Ledger(SETTINGS._replace(max_latency_ms=None))
    assert ledger.see(order=latency(1e9, times=100)) == []


def test_a_window_without_messages_is_neither_slow_nor_invalid() -> None:
    assert Ledger().see() == []
