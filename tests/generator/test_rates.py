from __future__ import annotations

import gc
import tracemalloc
from itertools import islice

import pytest

from generator.instants import SECOND_US, instant_us
from generator.messages import Message
from generator.rhythm import HOUR_WEIGHTS, busyness
from generator.simulation import Plan, Simulation
from pipeline.contract import Contract
from tests.generator.reading import START_US, Simulate


def per_second(messages: list[Message]) -> float:
    return len(messages) / (messages[-1].publish_us - START_US) * SECOND_US


@pytest.mark.parametrize("rate", [2.0, 420.0, 5_000.0])
def test_messages_come_at_the_rate_that_was_asked_for(rate: float, simulate: Simulate) -> None:
    shares = {"malformed_share": 0.05, "duplicate_share": 0.05, "late_share": 0.05}
    assert per_second(simulate(40_000, rate=rate, seed=3, **shares)) == pytest.approx(rate, rel=0.05)


def test_four_in_ten_events_are_orders_so_that_420_a_second_are_10_000_orders_a_minute(
    simulate: Simulate,
) -> None:
    messages = simulate(80_000, rate=420.0)
    minutes = (messages[-1].publish_us - START_US) / SECOND_US / 60
    orders = sum(message.event_type == "order" for message in messages)
    assert orders / len(messages) == pytest.approx(0.4, abs=0.01)
    assert orders / minutes == pytest.approx(10_000, rel=0.03)


def test_the_first_seconds_are_as_busy_as_the_rest(simulate: Simulate) -> None:
    messages = simulate(25_000, rate=2_000.0)
    first = sum(message.publish_us < START_US + 10 * SECOND_US for message in messages)
    assert first == pytest.approx(20_000, rel=0.05)


def test_shares_are_kept(simulate: Simulate) -> None:
    messages = simulate(100_000, rate=2_000, malformed_share=0.08, duplicate_share=0.04, late_share=0.06)
    count = len(messages)
    assert sum(message.fault is not None for message in messages) / count == pytest.approx(0.08, rel=0.07)
    assert sum(message.is_duplicate for message in messages) / count == pytest.approx(0.04, rel=0.08)
    assert sum(message.is_late for message in messages) / count == pytest.approx(0.06, rel=0.1)


def test_a_duplicate_repeats_an_earlier_valid_message_within_seconds(simulate: Simulate) -> None:
    first: dict[tuple[bytes, str], int] = {}
    repeats = 0
    for message in simulate(50_000, malformed_share=0.2, duplicate_share=0.1):
        key = (message.payload, message.attributes.get("event_id", ""))
        if message.is_duplicate:
            repeats += 1
            assert message.fault is None
            assert 0 < message.publish_us - first[key] <= 5 * SECOND_US
        elif message.fault is None:
            assert key not in first
            first[key] = message.publish_us
    assert repeats > 4_000


def test_messages_are_published_in_order_of_time(simulate: Simulate) -> None:
    instants = [message.publish_us for message in simulate(50_000, duplicate_share=0.1, late_share=0.1)]
    assert instants == sorted(instants)
    assert instants[0] >= START_US


def test_rhythm_is_level_on_average_and_without_amplitude() -> None:
    assert sum(HOUR_WEIGHTS) == pytest.approx(24.0)
    half_past_three = instant_us("2025-01-06T03:30:00Z")
    assert busyness(half_past_three, 0.0) == 1.0
    assert busyness(half_past_three, 1.0) == pytest.approx((HOUR_WEIGHTS[3] + HOUR_WEIGHTS[4]) / 2)
    midnight = instant_us("2025-01-07T00:00:00Z")
    assert busyness(midnight - 1, 1.0) == pytest.approx(busyness(midnight, 1.0), abs=1e-6)


def test_the_evening_is_busier_than_the_night(contract: Contract) -> None:
    def in_an_hour(start: str) -> int:
        plan = Plan(start_us=instant_us(start), rate=10.0, rhythm_amplitude=1.0)
        end_us = plan.start_us + 3_600 * SECOND_US
        messages = Simulation(plan, contract).messages()
        return next(count for count, message in enumerate(messages) if message.publish_us >= end_us)

    night, evening = in_an_hour("2025-01-06T03:00:00Z"), in_an_hour("2025-01-06T19:30:00Z")
    assert evening / night == pytest.approx(5.5, rel=0.15)


def test_memory_does_not_grow_with_the_length_of_a_run(contract: Contract) -> None:
    plan = Plan(start_us=START_US, rate=200.0, order_seconds=10.0, duplicate_share=0.02, products=20)
    messages = Simulation(plan, contract).messages()
    tracemalloc.start()
    try:
        for _ in islice(messages, 10_000):
            pass
        gc.collect()  # what a test before this one left is not the simulation's
        before, _ = tracemalloc.get_traced_memory()
        for _ in islice(messages, 40_000):
            pass
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 600_000  # bytes; a single number kept per event would take 1,300,000
