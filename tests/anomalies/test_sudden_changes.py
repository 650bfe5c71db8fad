"""All orders: what rises or falls at once, and which of three metrics tells of it."""

from __future__ import annotations

import pytest

from pipeline.anomalies.whole import AVERAGE, COUNT, REVENUE
from tests.anomalies.shop import (
    DAY,
    SETTINGS,
    Told,
    Watched,
    noisy_orders,
    usual_orders,
    values,
    watched_for,
    window,
)

NOON = 15 * DAY + DAY // 2
"""320 orders are usual."""


@pytest.mark.parametrize(
    ("orders", "kind", "severity"),
    [
        (320, None, None),
        (240, None, None),
        (420, None, None),
        (520, "spike", "error"),
        (800, "spike", "critical"),
        (180, "drop", "error"),
        (30, "drop", "critical"),
        (0, "silence", "critical"),
    ],
)
def test_a_window_is_judged_by_what_is_usual_at_its_hour(
    orders: int, kind: str | None, severity: str | None
) -> None:
    shop = watched_for(15.5)
    told = shop.see(orders, 50.0)
    assert told == ([] if kind is None else [Told(NOON, kind, COUNT, "open", 1)])
    assert [alert.severity for alert in shop.alerts] == [severity] * (kind is not None)
    assert shop.expected.verdict == (kind or "normal")


def test_the_same_number_is_a_spike_at_night_and_a_drop_by_day() -> None:
    assert [each.kind for each in watched_for(15).see(170)] == ["spike"]
    assert [each.kind for each in watched_for(15.5).see(170)] == ["drop"]


def test_an_alert_says_what_was_seen_and_what_was_expected() -> None:
    shop = watched_for(15.5)
    shop.see(800, 50.0)
    (alert,) = shop.alerts
    assert (alert.value, alert.window_start_us, alert.opened_at_us) == (
        800.0,
        window(NOON)[0],
        window(NOON)[0],
    )
    assert alert.expected_low is not None
    assert alert.expected_high is not None
    assert alert.score is not None
    assert 200 < alert.expected_low < 320 < alert.expected_high < 480
    assert alert.score > 2
    assert alert.summary == (
        f"Orders rose to 800; {alert.expected_low:,.0f} to {alert.expected_high:,.0f} were expected."
    )


def test_an_alert_goes_on_and_is_resolved_after_the_cooldown() -> None:
    shop = watched_for(15.5)
    told = shop.see_each([800, 820]) + shop.see_usual(5)
    assert [(each.number - NOON, each.state, each.breaches) for each in told] == [
        (0, "open", 1),
        (1, "ongoing", 2),
        (4, "resolved", 2),
    ]
    assert len({alert.alert_id for alert in shop.alerts}) == 1


@pytest.mark.parametrize("orders", [3_000, 20])
def test_what_is_out_of_the_ordinary_teaches_nothing(orders: int) -> None:
    shop, calm = watched_for(15.5), watched_for(15.5)
    shop.see_each([orders] * 6)
    calm.see_usual(6)
    for each in (shop, calm):
        each.see_usual(1)
    assert shop.expected.expected == pytest.approx(calm.expected.expected, rel=0.05)


def test_nothing_is_judged_during_the_warm_up() -> None:
    settings = SETTINGS._replace(warmup_windows=6)
    for learnt, kinds in ((6, []), (7, ["spike"])):  # the first of them may be half a window
        shop = Watched(settings)
        shop.see_each([100] * learnt)
        assert [each.kind for each in shop.see(700, 50.0)] == kinds


@pytest.mark.parametrize(("least", "kinds"), [(320, []), (250, ["drop"])])
def test_a_drop_counts_where_enough_orders_were_expected(least: int, kinds: list[str]) -> None:
    shop = watched_for(15.5, SETTINGS._replace(min_orders=least + 20))
    assert [each.kind for each in shop.see(30, 50.0) if each.metric == COUNT] == kinds


def test_a_spike_counts_by_the_orders_that_came() -> None:
    for orders, kinds in ((19, []), (30, ["spike"])):
        shop = Watched(first=DAY)
        shop.see_each([5] * 2 * DAY)
        assert [each.kind for each in shop.see(orders, 50.0)] == kinds


@pytest.mark.parametrize(
    ("orders", "average", "metrics"),
    [
        (320, 80, {AVERAGE}),
        (320, 25, {AVERAGE}),
        (800, 50, {COUNT}),
        (800, 100, {COUNT, AVERAGE}),
        (440, 58, {REVENUE}),
        (225, 42.5, {REVENUE}),
    ],
)
def test_revenue_is_told_of_only_where_neither_orders_nor_average_explain_it(
    orders: int, average: float, metrics: set[str]
) -> None:
    assert {each.metric for each in watched_for(15.5).see(orders, average)} == metrics


def test_the_average_of_fewer_orders_than_usual_may_vary_more() -> None:
    ranges = {}
    for orders in (320, 80):
        shop = watched_for(15.5)
        shop.see(orders, 64.0)
        average = shop.expectations[1]
        assert average.low is not None
        assert average.high is not None
        ranges[orders] = (average.low, average.high)
        assert (average.verdict == "spike") == (orders == 320)
    assert ranges[80][0] < ranges[320][0]
    assert ranges[80][1] > ranges[320][1]


def test_revenue_that_overflowed_is_not_judged() -> None:
    shop = watched_for(15.5)
    verdicts = shop.judge.judge(window(NOON), {COUNT: 320.0, AVERAGE: None, REVENUE: None}, 1.0)
    assert verdicts.alerts == []
    assert [(each.value, each.verdict) for each in verdicts.expectations] == [
        (320.0, "normal"),
        (None, "not_judged"),
        (None, "not_judged"),
    ]


def test_every_window_has_a_row_of_what_was_expected_of_each_metric() -> None:
    shop = Watched()
    shop.see(100, 50.0)
    assert [(each.subject.metric, each.value, each.verdict) for each in shop.expectations] == [
        (COUNT, 100.0, "not_judged"),
        (AVERAGE, 50.0, "not_judged"),
        (REVENUE, 5_000.0, "not_judged"),
    ]
    assert shop.expected[3:7] == (None, None, None, None)
    shop = watched_for(15.5)
    shop.see(320, 50.0)
    for each in shop.expectations:
        assert each.verdict == "normal"
        assert None not in each
        assert each.low < each.expected < each.high
        assert each.score < 1


def test_a_late_pane_withdraws_a_drop_that_was_none() -> None:
    shop = watched_for(15.5)
    shop.see(30, 50.0)
    assert shop.judge.correct(window(NOON), values(60)) == []
    (corrected,) = shop.judge.correct(window(NOON), values(310))
    assert (corrected.state, corrected.alert_id, corrected.value) == (
        "resolved",
        shop.alerts[0].alert_id,
        310.0,
    )
    assert corrected.summary.startswith("Corrected: Order count was 310 once late orders had come")
    assert shop.judge.correct(window(NOON), values(311)) == []


def test_a_stream_begins_with_a_few_late_orders_and_no_alert() -> None:
    shop = Watched(first=DAY // 2)
    assert shop.see_each([1, 2, 1, 1, 3, 1, 2, 1, 1, 2, 1, 3, 1, 2]) == []
    assert shop.see_usual(2 * DAY) == []


@pytest.mark.parametrize("mean_orders", [100.0, 1_000.0])
def test_two_weeks_as_usual_raise_no_alert(mean_orders: float) -> None:
    shop = Watched()
    assert shop.see_each(noisy_orders(number, mean_orders) for number in range(14 * DAY)) == []
    assert shop.expected.expected == pytest.approx(usual_orders(14 * DAY - 1, mean_orders), rel=0.1)
