"""All orders: silence, drift, levels that stay, and promotions."""

from __future__ import annotations

import pytest

from pipeline.anomalies.promotions import Calendar, Promotion
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.whole import AVERAGE, COUNT
from tests.anomalies.shop import (
    DAY,
    HOUR,
    SETTINGS,
    Told,
    Watched,
    noisy_orders,
    usual_orders,
    watched_for,
    window,
)

NOON = 15 * DAY + DAY // 2


def changes(told: list[Told]) -> list[tuple[int, str, str, str, int]]:
    """What opened and what was resolved, counted from noon."""
    return [(each.number - NOON, *each[1:]) for each in told if each.state != "ongoing"]


def test_silence_opens_in_its_first_window_and_each_further_one_is_told() -> None:
    shop = watched_for(15.5)
    told = shop.see_each([0, 0, 0]) + shop.see_usual(3)
    assert [(each.number - NOON, each.kind, each.state, each.breaches) for each in told] == [
        (0, "silence", "open", 1),
        (1, "silence", "ongoing", 2),
        (2, "silence", "ongoing", 3),
        (5, "silence", "resolved", 3),
    ]
    assert {alert.severity for alert in shop.alerts} == {"critical"}
    expected = [round(usual_orders(NOON) * 1.0) * times for times in (1, 2, 3)]
    said = [int(alert.summary.split("about ")[1].split(" ")[0].replace(",", "")) for alert in shop.alerts[:3]]
    assert said == pytest.approx(expected, rel=0.05)
    assert shop.alerts[0].summary.startswith("Not a single order came in this window; about ")
    assert shop.alerts[2].summary.startswith("Not a single order came in the last 3 windows; about ")


def test_silence_at_night_is_said_once_enough_orders_have_been_missed() -> None:
    shop = Watched()
    mean = 12.5  # nearly five in a window at midnight, so that twenty are missed after five windows
    shop.see_each(round(usual_orders(number, mean)) for number in range(8 * DAY))
    told = shop.see_each([0] * 6)
    assert [(each.number - 8 * DAY, each.kind, each.state) for each in told] == [
        (4, "silence", "open"),
        (5, "silence", "ongoing"),
    ]


def test_a_quiet_window_at_night_is_no_silence() -> None:
    shop = Watched()
    shop.see_each(round(usual_orders(number, 12.5)) for number in range(8 * DAY))
    assert shop.see_each([0, 5, 0, 5, 0, 0, 5, 6]) == []


def test_after_a_day_silence_is_given_up_and_orders_return_to_what_was_usual() -> None:
    shop = watched_for(15.5)
    assert changes(shop.see_each([0] * (2 * DAY))) == [
        (0, "silence", COUNT, "open", 1),
    ]
    assert shop.alerts[-1].breaches == DAY - 1  # it is open still, and enough was said
    assert shop.judge.gave_up
    (resolved,) = shop.see_usual(DAY)
    assert (resolved.kind, resolved.state) == ("silence", "resolved")
    assert not shop.judge.gave_up


def test_after_a_silent_day_the_level_of_the_hour_before_it_is_forgotten() -> None:
    shop = watched_for(15.5)
    assert shop.see_usual(2 * HOUR, 0.8) == []
    shop.see_each([0] * DAY)
    shop.see_usual(1)
    assert shop.expected.expected == pytest.approx(usual_orders(shop.next - 1), rel=0.1)


def test_silence_of_the_first_day_is_not_taken_for_the_usual() -> None:
    shop = Watched()
    shop.see_usual(DAY // 2)
    told = shop.see_each([0] * 40) + shop.see_usual(6)
    assert [each[1:] for each in told if each.state != "ongoing"] == [
        ("silence", COUNT, "open", 1),
        ("silence", COUNT, "resolved", 40),
    ]


def sinking(shop: Watched, windows: int, share_per_hour: float, *, average: bool = False) -> list[Told]:
    told = []
    for number in range(windows):
        factor = (1 - share_per_hour) ** (number / HOUR)
        told += shop.see_usual(1, *((1.0, factor) if average else (factor, 1.0)))
    return told


@pytest.mark.parametrize(("metric", "hours"), [(COUNT, 14), (AVERAGE, 15)])
def test_a_level_that_sinks_by_two_percent_an_hour_is_drift_within_hours(metric: str, hours: int) -> None:
    shop = watched_for(15.5)
    first = sinking(shop, hours * HOUR, 0.02, average=metric == AVERAGE)[0]
    assert first[1:] == ("drift", metric, "open", 1)
    drift = shop.alerts[0]
    assert drift.score is not None
    assert drift.score >= 1
    assert drift.summary.startswith(
        "Orders have slowly slipped: " if metric == COUNT else "The average order value has slowly slipped: "
    )


def test_a_level_that_sinks_by_a_tenth_is_no_drift() -> None:
    assert watched_for(15.5).see_usual(DAY, 0.9) == []


def test_busy_weekends_are_no_drift() -> None:
    shop = Watched()
    orders = (noisy_orders(number) * (1.1 if number // DAY % 7 >= 5 else 1.0) for number in range(21 * DAY))
    assert shop.see_each(map(round, orders)) == []


def test_drift_is_resolved_when_the_level_returns() -> None:
    shop = watched_for(15.5)
    told = sinking(shop, 16 * HOUR, 0.02)
    for number in range(10 * HOUR):
        told += shop.see_usual(1, min(1.0, 0.72 + 0.06 * number / HOUR))
    assert [each[1:4] for each in changes(told)] == [
        ("drift", COUNT, "open"),
        ("drift", COUNT, "resolved"),
    ]
    assert told[-1].breaches == len(told) - 1
    assert len({alert.alert_id for alert in shop.alerts}) == 1


def test_drift_that_lasts_for_two_days_is_the_new_usual() -> None:
    shop = watched_for(15.5)
    told = sinking(shop, 16 * HOUR, 0.02) + shop.see_usual(3 * DAY, 0.72)
    (opened, resolved) = changes(told)
    assert (opened[1:4], resolved[1:]) == (("drift", COUNT, "open"), ("drift", COUNT, "resolved", 2 * DAY))
    assert "is taken for the usual from now on" in shop.alerts[-1].summary
    assert shop.see_usual(DAY, 0.72) == []


@pytest.mark.parametrize(("factor", "kind"), [(0.1, "drop"), (8.0, "spike")])
def test_a_level_that_stays_for_a_day_is_the_new_usual(factor: float, kind: str) -> None:
    shop = watched_for(15.5)
    told = [each for each in shop.see_usual(DAY + HOUR, factor) if each.metric == COUNT]
    assert changes(told) == [
        (0, kind, COUNT, "open", 1),
        (DAY - 1, kind, COUNT, "resolved", DAY - 1),
    ]
    assert shop.expected.expected == pytest.approx(usual_orders(shop.next - 1) * factor, rel=0.2)
    back = [each for each in shop.see_usual(1) if each.metric == COUNT]
    assert [each.kind for each in back] == ["spike" if kind == "drop" else "drop"]


PROMOTED = SETTINGS._replace(promotions=Calendar((Promotion(window(NOON)[0], window(NOON + HOUR)[0], 3.0),)))


def test_orders_within_the_factor_of_a_promotion_are_no_spike() -> None:
    shop = watched_for(15.5, PROMOTED)
    assert shop.see_usual(HOUR, 2.8) == []
    assert [each.kind for each in shop.see_usual(1, 2.8)] == ["spike"]


def test_orders_beyond_the_factor_of_a_promotion_are_a_spike() -> None:
    shop = watched_for(15.5, PROMOTED)
    assert [each.kind for each in shop.see(320 * 5, 50.0)] == ["spike"]
    assert shop.expected.high > 3 * 320


@pytest.mark.parametrize(("orders", "kind"), [(30, "drop"), (0, "silence")])
def test_a_drop_within_a_promotion_is_found(orders: int, kind: str) -> None:
    assert [each.kind for each in watched_for(15.5, PROMOTED).see(orders, 50.0)] == [kind]


def test_the_average_of_a_promotion_has_its_usual_range() -> None:
    assert [each[1:3] for each in watched_for(15.5, PROMOTED).see(800, 90.0)] == [("spike", AVERAGE)]


def test_a_promotion_teaches_nothing() -> None:
    long = SETTINGS._replace(promotions=Calendar((Promotion(window(NOON)[0], window(NOON + DAY)[0], 3.0),)))
    promoted, calm = watched_for(15.5, long), watched_for(15.5)
    assert promoted.see_usual(DAY, 2.5) == []
    assert promoted.see_usual(HOUR) == []
    calm.see_usual(DAY + HOUR)
    assert promoted.expected.expected == pytest.approx(calm.expected.expected, rel=0.05)


def test_settings_say_how_many_windows_a_day_has() -> None:
    assert AnomalySettings(window_seconds=60).windows_per_day == 1_440
