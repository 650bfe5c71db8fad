"""Parts of the orders, such as a country: what moves otherwise than all orders do."""

from __future__ import annotations

import pickle
from functools import cache

import pytest

from pipeline.alerts import Alert
from pipeline.anomalies.parts import MAX_PARTS, PartsJudge
from tests.anomalies.shop import DAY, SETTINGS, usual_orders, window

FIRST = 2 * DAY
NOON = FIRST + DAY // 2
SHARES = {
    "country": {"DE": 0.5, "FR": 0.3, "IT": 0.12, "ES": 0.08},
    "status": {"pending": 0.7, "shipped": 0.3},
}


def parts_of(all_orders: float, **factors: float) -> dict[str, dict[str, int]]:
    """What a window holds of each part, where some countries have so many times their orders."""
    countries = {
        value: round(all_orders * share * factors.get(value, 1.0))
        for value, share in SHARES["country"].items()
        if factors.get(value, 1.0)
    }
    total = sum(countries.values())
    statuses = {value: round(total * share) for value, share in SHARES["status"].items()}
    return {"country": countries, "status": statuses}


def watched() -> PartsJudge:
    """A judge who has seen two days."""
    return pickle.loads(_stored())


@cache
def _stored() -> bytes:
    judge = PartsJudge(SETTINGS)
    for number in range(FIRST):
        assert see(judge, number) == []
    return pickle.dumps(judge)


def see(judge: PartsJudge, number: int, times: float = 1.0, **factors: float) -> list[Alert]:
    parts = parts_of(usual_orders(number, 1_000) * times, **factors)
    return judge.judge(window(number), parts, sum(parts["country"].values()))


def told(alerts: list[Alert]) -> list[tuple[str, str, str, str]]:
    return [(each.dimension, each.dimension_value, each.kind, each.state) for each in alerts]


def at_noon() -> PartsJudge:
    """A judge at noon of the third day, when 1,600 orders are usual."""
    judge = watched()
    for number in range(FIRST, NOON):
        assert see(judge, number) == []
    return judge


def test_a_country_that_drops_to_a_tenth_is_one_alert_for_that_country() -> None:
    judge = at_noon()
    alerts = [alert for number in range(NOON, NOON + 3) for alert in see(judge, number, IT=0.1)]
    assert told(alerts) == [
        ("country", "IT", "drop", "open"),
        ("country", "IT", "drop", "ongoing"),
        ("country", "IT", "drop", "ongoing"),
    ]
    first = alerts[0]
    assert (first.value, first.metric) == (19.0, "order_count")
    assert first.expected_low is not None
    assert first.expected_high is not None
    assert 19 < first.expected_low < 192 < first.expected_high
    assert first.summary == (
        f"Orders of country IT fell to 19, otherwise than all orders did; {first.expected_low:,.0f} to "
        f"{first.expected_high:,.0f} were expected."
    )
    alerts = [alert for number in range(NOON + 3, NOON + 6) for alert in see(judge, number)]
    assert told(alerts) == [("country", "IT", "drop", "resolved")]


@pytest.mark.parametrize(
    ("country", "factor", "kind"), [("DE", 0.1, "drop"), ("DE", 0, "drop"), ("IT", 8, "spike")]
)
def test_what_the_others_are_of_the_whole_then_is_no_news_of_them(
    country: str, factor: float, kind: str
) -> None:
    assert told(see(at_noon(), NOON, **{country: factor})) == [("country", country, kind, "open")]


def test_two_countries_that_drop_are_two_alerts() -> None:
    assert told(see(at_noon(), NOON, IT=0.1, ES=0.1)) == [
        ("country", "ES", "drop", "open"),
        ("country", "IT", "drop", "open"),
    ]


def test_a_country_that_is_missing_altogether_is_a_drop() -> None:
    assert told(see(at_noon(), NOON, IT=0)) == [("country", "IT", "drop", "open")]


@pytest.mark.parametrize("times", [5.0, 0.3])
def test_what_all_orders_do_is_no_news_of_a_part(times: float) -> None:
    judge = at_noon()
    assert [alert for number in range(NOON, NOON + 6) for alert in see(judge, number, times)] == []


def test_a_part_of_few_orders_is_not_judged() -> None:
    judge = watched()
    # 32 orders at midnight: fewer than two and a half times `min_orders`.
    assert see(judge, FIRST, ES=0) == []


def test_a_part_that_stays_is_accepted_after_a_day() -> None:
    judge = watched()
    for number in range(FIRST, NOON):
        see(judge, number)
    alerts = [alert for number in range(NOON, NOON + DAY) for alert in see(judge, number, DE=0.1)]
    assert {each.dimension_value for each in alerts} == {"DE"}
    assert [each.state for each in alerts] == ["open", *["ongoing"] * (DAY - 2), "resolved"]
    assert alerts[-1].breaches == DAY - 1
    assert "is taken for the usual from now on" in alerts[-1].summary


def test_a_bounded_number_of_parts_is_followed() -> None:
    judge = PartsJudge(SETTINGS)
    for number in range(3):
        countries = {f"{each:03d}": 10 for each in range(number * 60, number * 60 + 60)}
        judge.judge(window(number), {"country": countries, "status": {"pending": 600}}, 600)
        assert len(judge.known["country"]) <= MAX_PARTS
    assert list(judge.known["status"]) == ["pending"]


def test_a_large_part_takes_the_place_of_a_small_one() -> None:
    judge = PartsJudge(SETTINGS)
    junk = {f"!{each:03d}": 1 for each in range(2 * MAX_PARTS)}
    judge.judge(window(0), {"category": junk}, 200)
    judge.judge(window(1), {"category": {"kitchen": 500, "garden": 1, **junk}}, 701)
    assert len(judge.known["category"]) == MAX_PARTS
    assert "kitchen" in judge.known["category"]
    assert "garden" not in judge.known["category"]
