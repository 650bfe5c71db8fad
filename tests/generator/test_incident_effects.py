"""What each kind of incident does to the events, counted: the labels tell the truth."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from statistics import mean
from typing import Any

import pytest

from generator.carts import usual_cart_cents
from generator.fraud import TIMES_THE_USUAL
from generator.incidents import parse_incident
from generator.instants import SECOND_US, instant_us
from generator.labels import Labels
from generator.messages import Message
from generator.shop import Shop
from generator.simulation import Plan
from pipeline.contract import Contract
from pipeline.elements import Event, RawMessage
from pipeline.parse import Parser
from tests.generator.reading import START_US, Seen, Simulate, intact

BEGIN_US, END_US = START_US + 30 * SECOND_US, START_US + 60 * SECOND_US
ORDERS = {"rate": 200.0, "order_seconds": 20.0, "event_types": ("order",)}


def spans(messages: list[Message], event_type: str) -> tuple[int, int, int]:
    """Return how many events come in each of three spans of 30 s."""
    assert messages[-1].publish_us > END_US + 30 * SECOND_US
    count = Counter(
        (message.publish_us - START_US) // (30 * SECOND_US)
        for message in messages
        if message.event_type == event_type
    )
    return count[0], count[1], count[2]


def test_silence_lasts_from_its_first_to_its_last_instant(simulate: Simulate) -> None:
    messages = simulate(15_000, incidents=(parse_incident("silence@30s+30s"),), **ORDERS)
    before, during, after = spans(messages, "order")
    assert during == 0
    assert before / 30 == pytest.approx(200, rel=0.05)
    assert after / 30 == pytest.approx(200, rel=0.05)
    instants = [message.publish_us for message in messages]
    assert max(instant for instant in instants if instant < END_US) > BEGIN_US - SECOND_US // 10
    assert min(instant for instant in instants if instant >= BEGIN_US) < END_US + SECOND_US // 10


def test_late_orders_do_not_fill_a_silence(simulate: Simulate) -> None:
    incidents = (parse_incident("silence@30m+20m"),)
    plan = {**ORDERS, "rate": 5.0, "incidents": incidents, "late_share": 0.2, "duplicate_share": 0.02}
    orders = list(intact(simulate(25_000, **plan), "order"))
    begin_us, end_us = (START_US + minutes * 60 * SECOND_US for minutes in (30, 50))
    after = [seen for seen in orders if seen.publish_us >= end_us]
    assert sum(seen.event_us < begin_us for seen in after) > 100
    assert sum(end_us <= seen.event_us < seen.publish_us for seen in after) > 1_000
    assert [seen for seen in orders if begin_us <= seen.event_us < end_us] == []


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_order_drift_goes_steadily_to_its_factor_and_is_over_at_the_end(
    factor: float, simulate: Simulate
) -> None:
    plan = {**ORDERS, "rate": 500.0}
    messages = simulate(
        76_000 if factor > 1 else 50_000, incidents=(parse_incident(f"order_drift@30s+30sx{factor}"),), **plan
    )
    before, during, after = spans(messages, "order")
    assert before / 30 == pytest.approx(500, rel=0.05)
    assert after / 30 == pytest.approx(500, rel=0.05)
    assert during / 30 == pytest.approx(500 * (1 + factor) / 2, rel=0.05)
    sixths = Counter(
        (message.publish_us - BEGIN_US) // (5 * SECOND_US)
        for message in messages
        if BEGIN_US <= message.publish_us < END_US
    )
    for sixth in range(6):
        expected = 500 * (1 + (factor - 1) * (sixth + 0.5) / 6)
        assert sixths[sixth] / 5 == pytest.approx(expected, rel=0.1), sixth


def test_promotion_brings_orders_and_visitors_and_is_no_anomaly(simulate: Simulate) -> None:
    incidents = (parse_incident("promotion@30s+30s x3"),)
    messages = simulate(45_000, rate=250.0, order_seconds=20.0, incidents=incidents)
    for event_type in ("order", "inventory", "user_activity"):
        before, during, after = spans(messages, event_type)
        assert during / before == pytest.approx(3.0, rel=0.15), event_type
        assert after / before == pytest.approx(1.0, rel=0.15), event_type
    (label,) = labels_of(Plan(start_us=START_US, incidents=incidents))
    assert label["is_anomaly"] is False
    assert label["affects"] == {
        "event_types": ["order", "user_activity"],
        "metrics": ["order_count", "revenue"],
        "direction": "up",
    }


def test_incident_edges_are_exact_at_the_low_rates_at_which_clocks_take_long_steps(
    simulate: Simulate,
) -> None:
    incidents = (parse_incident("order_spike@1001s+30s x200"),)
    messages = simulate(8_000, rate=1.0, order_seconds=900.0, event_types=("order",), incidents=incidents)
    elapsed = [(message.publish_us - START_US) / SECOND_US for message in messages]
    before, during, after = (
        sum(low <= instant < high for instant in elapsed)
        for low, high in ((0, 1001), (1001, 1031), (1031, 2031))
    )
    assert before == pytest.approx(1_001, rel=0.1)
    assert during == pytest.approx(6_000, rel=0.05)
    assert after == pytest.approx(1_000, rel=0.15)


def is_fraud(seen: Seen, ring: set[str]) -> bool:
    return seen.fields["customer_id"] in ring


def test_fraud_burst_is_its_share_of_the_orders_placed_and_leaves_no_echo(simulate: Simulate) -> None:
    plan = {**ORDERS, "rate": 600.0, "event_types": ("order", "inventory")}
    incidents = (parse_incident("fraud_burst@30s+30s x0.25"),)
    burst, calm = simulate(60_000, incidents=incidents, **plan), simulate(60_000, **plan)
    (label,) = labels_of(Plan(start_us=START_US, incidents=incidents))
    ring = set(label["customer_ids"])
    orders = list(intact(burst, "order"))
    assert not ring & {seen.fields["customer_id"] for seen in intact(calm, "order")}
    fraud = [seen for seen in orders if is_fraud(seen, ring)]
    assert all(BEGIN_US <= seen.publish_us < END_US for seen in fraud)
    assert fraud[0].publish_us < BEGIN_US + SECOND_US
    assert fraud[-1].publish_us > END_US - SECOND_US
    placed = [
        seen for seen in orders if BEGIN_US <= seen.publish_us < END_US and seen.fields["status"] == "pending"
    ]
    assert len(fraud) / len(placed) == pytest.approx(0.25, abs=0.02)
    assert {seen.fields["status"] for seen in fraud} == {"pending"}
    for event_type in ("order", "inventory"):
        before, during, after = spans(burst, event_type)
        extra = len(fraud) if event_type == "order" else 0
        assert (before, during - extra, after) == spans(calm, event_type)


def test_fraud_orders_are_dear_many_units_by_a_few_customers_to_one_address(simulate: Simulate) -> None:
    bursts = tuple(parse_incident(f"fraud_burst@{start}s+10s x0.2") for start in (5, 30))
    labels = labels_of(Plan(start_us=START_US, incidents=bursts))
    orders = list(intact(simulate(20_000, incidents=bursts, **{**ORDERS, "rate": 400.0}), "order"))
    rings = [set(label["customer_ids"]) for label in labels]
    assert not rings[0] & rings[1]
    usual = mean(
        seen.fields["total_amount"]
        for seen in orders
        if not is_fraud(seen, rings[0] | rings[1]) and seen.fields["status"] == "pending"
    )
    for ring in rings:
        fraud = [seen.fields for seen in orders if is_fraud(seen, ring)]
        assert len(fraud) > 150
        assert {order["customer_id"] for order in fraud} == ring
        assert len({json.dumps(order["shipping_address"]) for order in fraud}) == 1
        assert {item["quantity"] for order in fraud for item in order["items"]} == {5, 6, 7, 8, 9}
        assert min(order["total_amount"] for order in fraud) >= 10 * usual


@pytest.mark.parametrize("products", [1, 3, 40])
def test_fraud_is_worth_ten_usual_orders_however_few_products_there_are(
    products: int, simulate: Simulate
) -> None:
    incidents = (parse_incident("fraud_burst@0s+60s x0.5"),)
    (label,) = labels_of(Plan(start_us=START_US, incidents=incidents))
    values = defaultdict(list)
    for seen in intact(simulate(3_000, incidents=incidents, products=products, **ORDERS), "order"):
        if seen.fields["status"] == "pending":
            values[seen.fields["customer_id"] in label["customer_ids"]].append(seen.fields["total_amount"])
    assert min(values[True]) >= 10 * mean(values[False])
    usual_cents = usual_cart_cents(Shop(1, 5_000, products, 3))
    assert usual_cents / 100 == pytest.approx(mean(values[False]), rel=0.15)
    assert min(values[True]) >= TIMES_THE_USUAL * usual_cents / 100


def test_fraud_and_stock_outs_keep_the_contract(contract: Contract, simulate: Simulate) -> None:
    specs = ("fraud_burst@1s+20sx0.5", "stock_out@2s+10s", "order_drift@3s+9s", "promotion@4s+5s")
    messages = simulate(
        15_000, rate=1_500.0, products=5, warehouses=1, order_seconds=3.0, late_share=0.02,
        malformed_share=0.1, incidents=tuple(map(parse_incident, specs)), noise=0.3,
    )  # fmt: skip
    parser = Parser(contract)
    intact_ones = [message for message in messages if message.fault is None]
    assert len(intact_ones) > 13_000
    for message in intact_ones:
        raw = RawMessage(message.payload, message.attributes, "1", message.publish_us)
        assert isinstance(parser.parse(raw, message.publish_us), Event)


def test_a_label_names_only_event_types_that_are_made(simulate: Simulate) -> None:
    incidents = (parse_incident("promotion@1s+1s"), parse_incident("order_drift@3s+1sx2"))
    plan = Plan(start_us=START_US, incidents=incidents, event_types=("order", "inventory"))
    promotion, drift = labels_of(plan)
    assert promotion["affects"]["event_types"] == ["order"]
    assert drift["affects"]["direction"] == "up"
    assert drift["is_anomaly"] is True
    assert instant_us(drift["start"]) == START_US + 3 * SECOND_US


def labels_of(plan: Plan) -> list[dict[str, Any]]:
    """Return the labels of a run that went on until every incident was over."""
    labels = Labels(plan)
    over_us = START_US + max(incident.end_us for incident in plan.incidents)
    labels.observe(over_us, 0)
    return labels.as_dicts(over_us)
