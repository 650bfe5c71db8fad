from __future__ import annotations

from collections import Counter
from statistics import correlation, mean, pstdev
from typing import Any

import pytest

from generator.instants import SECOND_US, instant_us
from generator.noise import Noise
from generator.rhythm import DAY_WEIGHTS, day_busyness
from tests.generator.reading import START_US, Simulate

HOUR_US = 3_600 * SECOND_US
MONDAY_US = instant_us("2025-01-06T00:00:00Z")
QUARTER_HOURS = range(MONDAY_US, MONDAY_US + 365 * 24 * HOUR_US, HOUR_US // 4)


def test_week_is_level_on_average_and_without_amplitude() -> None:
    assert sum(DAY_WEIGHTS) == pytest.approx(7.0)
    week = range(MONDAY_US, MONDAY_US + 7 * 24 * HOUR_US, HOUR_US // 6)
    assert mean(day_busyness(instant, 1.0) for instant in week) == pytest.approx(1.0)
    assert {day_busyness(instant, 0.0) for instant in week} == {1.0}


def test_weekend_is_a_quarter_busier_and_wednesday_is_quiet() -> None:
    noons = [day_busyness(MONDAY_US + (24 * day + 12) * HOUR_US, 1.0) for day in range(7)]
    assert noons[5:] == pytest.approx([1.25, 1.25])
    assert min(noons) == noons[2] == pytest.approx(0.78)
    assert noons[0] == 1.0
    assert day_busyness(MONDAY_US + (24 * 5 + 12) * HOUR_US, 0.4) == pytest.approx(1.1)


def test_day_turns_into_the_next_without_a_jump() -> None:
    for day in range(8):
        midnight_us = MONDAY_US + 24 * day * HOUR_US
        for edge_us in (midnight_us - 2 * HOUR_US, midnight_us, midnight_us + 2 * HOUR_US):
            before, after = day_busyness(edge_us - 1, 1.0), day_busyness(edge_us + 1, 1.0)
            assert before == pytest.approx(after, abs=1e-6)
        halfway = (DAY_WEIGHTS[(day - 1) % 7] + DAY_WEIGHTS[day % 7]) / 2
        assert day_busyness(midnight_us, 1.0) == pytest.approx(halfway)


def test_two_weeks_at_a_tenth_of_a_message_a_second_have_the_rate_and_the_weeks_shape(
    simulate: Simulate,
) -> None:
    """Clocks take steps of a minute here."""
    messages = simulate(
        135_000, start_us=MONDAY_US, rate=0.1, order_seconds=7_200.0, event_types=("order",), seed=5,
        rhythm_amplitude=0.8, weekly_amplitude=1.0,
    )  # fmt: skip
    days = Counter((message.publish_us - MONDAY_US) // (24 * HOUR_US) for message in messages)
    assert sum(days[day] for day in range(14)) == pytest.approx(0.1 * 14 * 86_400, rel=0.02)
    for day in range(14):
        assert days[day] / 8_640 == pytest.approx(DAY_WEIGHTS[day % 7], rel=0.08), day


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.5])
def test_noise_has_mean_one_and_its_spread(spread: float) -> None:
    noise = Noise(11, spread)
    factors = [noise.factor("orders", instant) for instant in QUARTER_HOURS]
    assert mean(factors) == pytest.approx(1.0, abs=spread / 20)
    assert pstdev(factors) == pytest.approx(spread, rel=0.08)
    assert min(factors) > 0.0


def test_noise_wanders_by_the_half_hour_and_by_the_day_partly_together() -> None:
    noise = Noise(3, 0.2)
    orders = [noise.factor("orders", instant) for instant in QUARTER_HOURS]
    visitors = [noise.factor("visitors", instant) for instant in QUARTER_HOURS]
    assert correlation(orders, visitors) == pytest.approx(0.7, abs=0.05)
    assert correlation(orders[1:], orders[:-1]) > 0.7  # a quarter of an hour
    assert correlation(orders[12:], orders[:-12]) == pytest.approx(0.3, abs=0.08)  # 3 h: the day's part
    assert abs(correlation(orders[960:], orders[:-960])) < 0.1  # 10 days
    steps = [abs(noise.factor("orders", at + SECOND_US) - noise.factor("orders", at)) for at in QUARTER_HOURS]
    assert max(steps) < 0.002


def test_noise_depends_on_seed_and_instant_only() -> None:
    asked_before, fresh = Noise(3, 0.2), Noise(3, 0.2)
    for instant in QUARTER_HOURS[:3_000]:
        asked_before.factor("visitors", instant)
    some = QUARTER_HOURS[500:700]
    one = [asked_before.factor("orders", instant) for instant in some]
    assert one == [fresh.factor("orders", instant) for instant in some]
    assert one != [Noise(4, 0.2).factor("orders", instant) for instant in some]
    assert {Noise(3, 0.0).factor("orders", instant) for instant in some} == {1.0}


def test_noise_moves_the_rate_of_the_events(simulate: Simulate) -> None:
    plan = {"rate": 2.0, "order_seconds": 60.0, "event_types": ("order",), "seed": 3}
    noise = Noise(3, 0.5)

    def hourly(**more: Any) -> list[int]:
        hours = Counter((each.publish_us - START_US) // HOUR_US for each in simulate(60_000, **plan, **more))
        return [hours[hour] for hour in range(6)]

    for hour, (noisy, calm) in enumerate(zip(hourly(noise=0.5), hourly(), strict=True)):
        instants = range(START_US + hour * HOUR_US, START_US + (hour + 1) * HOUR_US, HOUR_US // 60)
        assert noisy / calm == pytest.approx(
            mean(noise.factor("orders", each) for each in instants), rel=0.06
        )
