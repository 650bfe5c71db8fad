"""The life of an alert: open, ongoing, resolved."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import Alert
from pipeline.anomalies.life import MAX_WINDOWS_REMEMBERED, Breach, Measured, Subject, Watch
from tests.anomalies.shop import window

DROP = Breach("drop", "error", "Orders fell.")
LOW, NORMAL = Measured(10.0, 80.0, 120.0, 1.5), Measured(100.0, 80.0, 120.0, 0.1)
COOLDOWN = 3


def watch() -> Watch:
    return Watch(Subject("order_count"))


def one(told: list[Alert]) -> Alert | None:
    """What is told, which is one thing at most."""
    assert len(told) <= 1
    return told[0] if told else None


def observe(watched: Watch, number: int, breaches: bool, cooldown: int = COOLDOWN) -> Alert | None:
    breach = DROP if breaches else None
    return one(watched.observe(window(number), LOW if breaches else NORMAL, breach, cooldown))


def lived(pattern: str, cooldown: int = COOLDOWN) -> list[Alert]:
    """What is told of windows, x for each in breach."""
    watched = watch()
    told = [observe(watched, number, each == "x", cooldown) for number, each in enumerate(pattern)]
    return [alert for alert in told if alert is not None]


def lives(alerts: list[Alert]) -> list[tuple[int, str, int]]:
    """(window, state, breaches) of each."""
    return [
        ((each.window_start_us - window(0)[0]) // 300_000_000, each.state, each.breaches) for each in alerts
    ]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("......", []),
        ("x", [(0, "open", 1)]),
        ("xxx", [(0, "open", 1), (1, "ongoing", 2), (2, "ongoing", 3)]),
        ("x..", [(0, "open", 1)]),
        ("x...", [(0, "open", 1), (3, "resolved", 1)]),
        ("xx....", [(0, "open", 1), (1, "ongoing", 2), (4, "resolved", 2)]),
        ("x.x...", [(0, "open", 1), (2, "ongoing", 1), (5, "resolved", 1)]),
        (
            "xxx.x...",
            [(0, "open", 1), (1, "ongoing", 2), (2, "ongoing", 3), (4, "ongoing", 1), (7, "resolved", 3)],
        ),
        ("x...x", [(0, "open", 1), (3, "resolved", 1), (4, "open", 1)]),
    ],
)
def test_windows_and_what_is_told_of_them(pattern: str, told: list[tuple[int, str, int]]) -> None:
    assert lives(lived(pattern)) == told


@pytest.mark.parametrize(("cooldown", "resolved_at"), [(1, 1), (2, 2), (5, 5)])
def test_the_cooldown_is_how_many_windows_must_be_as_expected(cooldown: int, resolved_at: int) -> None:
    assert lives(lived("x.......", cooldown))[-1] == (resolved_at, "resolved", 1)


def test_flapping_is_one_alert() -> None:
    alerts = lived("x.." * 50 + "...")
    assert len({alert.alert_id for alert in alerts}) == 1
    assert [alert.state for alert in alerts] == ["open", *["ongoing"] * 49, "resolved"]


def test_alerts_that_open_in_other_windows_or_on_other_subjects_have_other_ids() -> None:
    ids = {alert.alert_id for alert in lived("x...x...")}
    for subject in (
        Subject("revenue"),
        Subject("order_count", "country", "DE"),
        Subject("order_count", "country"),
    ):
        alert = observe(Watch(subject), 0, True)
        assert alert is not None
        ids.add(alert.alert_id)
    spike = one(watch().observe(window(0), LOW, Breach("spike", "error", ""), COOLDOWN))
    assert spike is not None
    assert len(ids | {spike.alert_id}) == 6


def test_a_resolved_alert_is_as_severe_as_its_worst_window() -> None:
    watched = watch()
    severities = []
    for number, severity in enumerate(("error", "critical", "warning")):
        alert = one(watched.observe(window(number), LOW, Breach("drop", severity, ""), COOLDOWN))
        assert alert is not None
        severities.append(alert.severity)
    resolved = one(watched.end(window(3), NORMAL, "Enough."))
    assert resolved is not None
    assert severities == ["error", "critical", "warning"]
    assert (resolved.severity, resolved.summary, resolved.state) == ("critical", "Enough.", "resolved")


def test_an_alert_keeps_the_kind_with_which_it_opened() -> None:
    watched = watch()
    observe(watched, 0, True)
    breach = Breach("silence", "critical", "Nothing came.")
    alert = one(watched.observe(window(1), Measured(0.0), breach, COOLDOWN))
    assert alert is not None
    assert (alert.kind, alert.summary, alert.severity) == ("drop", "Nothing came.", "critical")


def test_what_rose_and_then_fell_is_two_alerts() -> None:
    watched = watch()
    spike = one(watched.observe(window(0), LOW, Breach("spike", "error", "Orders rose."), COOLDOWN))
    told = watched.observe(window(1), LOW, DROP, COOLDOWN)
    assert spike is not None
    assert [(each.kind, each.state, each.summary) for each in told] == [
        ("spike", "resolved", "The spike is over: Orders fell."),
        ("drop", "open", "Orders fell."),
    ]
    assert told[0].alert_id == spike.alert_id != told[1].alert_id


def test_a_resolved_alert_says_how_it_was_and_how_it_is() -> None:
    resolved = lived("xx.x...")[-1]
    assert (
        resolved.summary == "Order count is as expected again: 100. The drop lasted up to 2 windows in a row."
    )
    assert (resolved.value, resolved.expected_low, resolved.expected_high) == (100.0, 80.0, 120.0)


def test_nothing_ends_where_nothing_is_open() -> None:
    assert watch().end(window(0), NORMAL, "Enough.") == []


def test_a_late_pane_withdraws_a_breach_and_the_last_one_resolves() -> None:
    watched = watch()
    first = observe(watched, 0, True)
    observe(watched, 1, True)
    assert watched.correct(window(0), 79.0) == []  # still too low
    assert watched.correct(window(0), 81.0) == []  # the other one is left
    corrected = one(watched.correct(window(1), 90.0))
    assert corrected is not None
    assert first is not None
    assert (corrected.state, corrected.alert_id, corrected.value) == ("resolved", first.alert_id, 90.0)
    assert corrected.summary == "Corrected: Order count was 90 once late orders had come, as expected."
    assert not watched.is_open


def test_a_late_pane_never_opens_an_alert() -> None:
    watched = watch()
    observe(watched, 0, False)
    assert watched.correct(window(0), 1e9) == []
    observe(watched, 1, True)
    assert watched.correct(window(0), 1e9) == []
    assert watched.correct(window(2), 100.0) == []
    assert watched.is_open


def test_what_was_corrected_once_is_not_corrected_again() -> None:
    watched = watch()
    observe(watched, 0, True)
    assert len(watched.correct(window(0), 90.0)) == 1
    assert watched.correct(window(0), 95.0) == []
    reopened = observe(watched, 1, True)
    assert reopened is not None
    assert (reopened.state, reopened.breaches) == ("open", 1)


def test_a_bounded_number_of_windows_is_remembered() -> None:
    watched = watch()
    for number in range(2 * MAX_WINDOWS_REMEMBERED):
        observe(watched, number, True)
    assert len(watched.breached) == MAX_WINDOWS_REMEMBERED
    for number in range(2 * MAX_WINDOWS_REMEMBERED):
        assert watched.correct(window(number), 100.0) == []  # those that are forgotten may have been breaches
    assert watched.is_open


_steps = st.lists(
    st.one_of(
        st.just("x"),
        st.just("."),
        st.tuples(st.integers(0, 9), st.sampled_from([10.0, 100.0])),
        st.just("end"),
    ),
    max_size=60,
)
"""Breach, no breach, a late pane of a window so long ago with its value, the end of an alert."""


@given(_steps, st.integers(1, 4))
def test_whatever_comes_an_alert_opens_once_goes_on_and_is_resolved_once(
    steps: list[object], cooldown: int
) -> None:
    watched, alerts, number = watch(), [], 0
    for step in steps:
        if isinstance(step, tuple):
            alert = one(watched.correct(window(max(0, number - step[0])), step[1]))
            assert alert is None or alert.state == "resolved"
        elif step == "end":
            alert = one(watched.end(window(number), NORMAL, "Enough."))
        else:
            alert = observe(watched, number, step == "x", cooldown)
            assert step != "x" or alert is not None
            number += 1
        if alert is not None:
            alerts.append(alert)
        assert watched.is_open == bool(alerts and alerts[-1].state != "resolved")
    by_id = [(alert_id, list(group)) for alert_id, group in groupby(alerts, key=lambda each: each.alert_id)]
    # One after the other: an id that came back would make a second group.
    assert len({alert_id for alert_id, _ in by_id}) == len(by_id)
    for position, (_, group) in enumerate(by_id):
        states = [alert.state for alert in group]
        assert states[0] == "open"
        assert states[1:-1] == ["ongoing"] * len(states[1:-1])
        assert len(states) == 1 or states[-1] in ("ongoing", "resolved")
        assert states[-1] == "resolved" or position == len(by_id) - 1
        assert {alert.opened_at_us for alert in group} == {group[0].window_start_us}
        starts = [alert.window_start_us for alert in group if alert.state != "resolved"]
        assert starts == sorted(set(starts))
        breaches = [alert.breaches for alert in group if alert.state != "resolved"]
        assert breaches[0] == 1
        assert all(after in (1, before + 1) for before, after in pairwise(breaches))
        if states[-1] == "resolved":
            assert group[-1].breaches == max(breaches)
