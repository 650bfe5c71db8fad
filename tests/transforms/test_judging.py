"""Which window is an anomaly: the judgement alone, on tables of values."""

from __future__ import annotations

import pytest
from apache_beam.ml.anomaly.detectors.robust_zscore import RobustZScore

from pipeline.alerts import Alert
from pipeline.transforms.anomalies import AnomalySettings, Observation, judge, judge_validity
from pipeline.transforms.quality import Counts
from pipeline.transforms.windowed_sums import Revision
from tests.transforms.builders import at

SETTINGS = AnomalySettings(threshold=5.0, warmup_windows=6, min_validity_rate=0.9, min_messages=50)
STEADY = [100.0, 102.0, 98.0, 101.0, 99.0, 100.0, 103.0, 97.0]


def observation(number: int, value: float) -> Observation:
    return Observation(at(number * 300), at(number * 300 + 300), value)


def judged(values: list[float], metric: str = "order_count") -> list[Alert | None]:
    detector = RobustZScore()
    return [
        judge(detector, number, metric, observation(number, value), SETTINGS)
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "last"),
    [
        ([*STEADY, 104.0], None),
        ([*STEADY, 1_000.0], "spike"),
        ([*STEADY, 0.0], "drop"),
        ([100.0] * 8 + [100.0], None),
        ([1_000.0, *STEADY[:4], 1_000.0], None),
    ],
    ids=["steady", "spike", "drop", "always the same", "still warming up"],
)
def test_the_last_window_is_judged_by_those_before_it(values: list[float], last: str | None) -> None:
    alerts = judged(values)
    assert alerts[:-1] == [None] * (len(values) - 1)
    found = alerts[-1]
    assert (found and found.kind) == last


@pytest.mark.parametrize(("warmed_up", "alerts"), [(5, 0), (6, 1)])
def test_windows_are_learnt_from_before_the_first_is_judged(warmed_up: int, alerts: int) -> None:
    found = judged([*STEADY[:warmed_up], 1_000.0])
    assert sum(each is not None for each in found) == alerts


def test_alert_says_what_was_seen_and_what_was_expected() -> None:
    alert = judged([*STEADY, 1_000.0])[-1]
    assert alert is not None
    assert (alert.window_start_us, alert.window_end_us) == (at(2_400), at(2_700))
    assert (alert.metric, alert.value, alert.severity) == ("order_count", 1_000.0, "critical")
    assert alert.expected_low is not None
    assert alert.expected_high is not None
    assert 0 <= alert.expected_low < 100 < alert.expected_high < 150
    assert alert.summary.startswith("Orders rose to 1,000; ")


def test_a_little_beyond_the_threshold_is_an_error_and_at_twice_of_it_critical() -> None:
    alerts = [judged([*STEADY, value])[-1] for value in (107, 113, 200)]
    assert [alert and alert.severity for alert in alerts] == [None, "error", "critical"]


def test_expected_values_are_never_negative() -> None:
    alert = judged([1.0, 5.0, 2.0, 4.0, 3.0, 1.0, 5.0, 500.0], "revenue")[-1]
    assert alert is not None
    assert alert.expected_low == 0.0
    assert alert.summary.startswith("Revenue rose to 500; 0 to ")


def ledger(accepted: int, rejected: int, duplicates: int = 0) -> Revision:
    parts = {"order": Counts(accepted=accepted, duplicates=duplicates), "unknown": Counts(rejected=rejected)}
    return Revision(at(0), at(300), "ledger", parts, 0, "on_time")


@pytest.mark.parametrize(
    ("revision", "severity"),
    [
        (ledger(90, 10), None),
        (ledger(89, 11), "error"),
        (ledger(46, 54), "error"),
        (ledger(44, 56), "critical"),
        (ledger(0, 49), None),
        (ledger(0, 50), "critical"),
        (ledger(0, 6, duplicates=94), None),
        (ledger(0, 0), None),
    ],
    ids=[
        "just enough",
        "too few",
        "about half",
        "below half",
        "few messages",
        "all",
        "duplicates are valid",
        "nothing",
    ],
)
def test_validity_of_all_types_together_is_judged(revision: Revision, severity: str | None) -> None:
    alert = judge_validity(revision, SETTINGS)
    assert (alert and alert.severity) == severity


def test_validity_alert_says_what_was_seen() -> None:
    alert = judge_validity(ledger(40, 10), SETTINGS)
    assert alert is not None
    assert (alert.kind, alert.metric, alert.value, alert.expected_low) == (
        "low_validity",
        "validity_rate",
        0.8,
        0.9,
    )
    assert alert.summary == (
        "10 of 50 messages were rejected: validity 80.0%, at least 90.0% was expected. "
        "See dead_letters for the reasons."
    )


def test_alert_id_is_that_of_the_finding_and_not_of_the_run() -> None:
    one, other = judged([*STEADY, 1_000.0])[-1], judged([*STEADY, 2_000.0])[-1]
    drop, revenue = judged([*STEADY, 0.0])[-1], judged([*STEADY, 1_000.0], "revenue")[-1]
    later = judged([*STEADY, 100.0, 1_000.0])[-1]
    assert one is not None
    assert other is not None
    assert one.alert_id == other.alert_id
    assert len({each.alert_id for each in (one, drop, revenue, later) if each is not None}) == 4
