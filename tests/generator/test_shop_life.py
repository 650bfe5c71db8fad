from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice, pairwise

import pytest

from generator.shop import Shop
from generator.simulation import Plan, Simulation
from generator.stock import RESTOCK_UNITS
from generator.vocabulary import Vocabulary
from pipeline.contract import Contract
from tests.generator.reading import START_US, Simulate, intact


def test_order_walks_through_the_statuses_in_the_contracts_order(
    contract: Contract, simulate: Simulate
) -> None:
    statuses = Vocabulary(contract).statuses
    lives = defaultdict(list)
    for seen in intact(simulate(60_000, late_share=0.05), "order"):
        lives[seen.fields["order_id"]].append(seen)
    placed_here = [life for life in lives.values() if life[0].fields["status"] == statuses[0]]
    assert sum(len(life) == len(statuses) for life in placed_here) > 1_000
    for life in placed_here:
        assert tuple(seen.fields["status"] for seen in life) == statuses[: len(life)]
    for life in lives.values():
        for earlier, later in pairwise(life):
            assert statuses.index(later.fields["status"]) == statuses.index(earlier.fields["status"]) + 1
            assert later.event_us >= earlier.event_us
            unchanged = ("customer_id", "items", "total_amount", "shipping_address")
            assert all(later.fields[name] == earlier.fields[name] for name in unchanged)


def test_orders_reach_their_last_status_after_order_seconds_on_average(simulate: Simulate) -> None:
    placed, taken = {}, []
    for seen in intact(simulate(80_000, order_seconds=20.0), "order"):
        if seen.fields["status"] == "pending":
            placed[seen.fields["order_id"]] = seen.event_us
        elif seen.fields["status"] == "delivered" and seen.fields["order_id"] in placed:
            taken.append((seen.event_us - placed[seen.fields["order_id"]]) / 1e6)
    assert len(taken) > 3_000
    assert sum(taken) / len(taken) == pytest.approx(20.0, rel=0.03)


def test_total_amount_is_the_sum_of_the_items_in_cents(simulate: Simulate) -> None:
    orders = [seen.fields for seen in intact(simulate(20_000), "order")]
    assert len(orders) > 7_000
    for order in orders:
        total = sum(item["quantity"] * item["unit_price"] for item in order["items"])
        assert order["total_amount"] == round(total, 2)


def test_every_sold_line_leaves_the_stock_after_its_order_was_placed(simulate: Simulate) -> None:
    messages = simulate(60_000, order_seconds=30.0)
    sold: Counter[tuple[str, int]] = Counter()
    ordered: Counter[tuple[str, int]] = Counter()
    horizon_us = messages[-1].publish_us - 2_000_000  # sales follow within 2 % of order_seconds
    warm_us = START_US + 2_000_000  # before that, sales of orders placed before the start
    for seen in intact(messages, "order"):
        if seen.fields["status"] == "pending" and warm_us <= seen.publish_us <= horizon_us:
            ordered.update((item["product_id"], item["quantity"]) for item in seen.fields["items"])
    for seen in intact(messages, "inventory"):
        if seen.fields["reason"] == "sale" and seen.publish_us >= warm_us:
            sold[seen.fields["product_id"], -seen.fields["quantity_change"]] += 1
    assert ordered.total() > 5_000
    assert not ordered - sold


def test_sale_and_damage_take_away_and_restock_and_return_add(simulate: Simulate) -> None:
    signs = defaultdict(set)
    counts: Counter[str] = Counter()
    for seen in intact(simulate(60_000, products=20, rate=2_000, order_seconds=5.0), "inventory"):
        signs[seen.fields["reason"]].add(seen.fields["quantity_change"] > 0)
        counts[seen.fields["reason"]] += 1
        if seen.fields["reason"] == "restock":
            assert seen.fields["quantity_change"] == RESTOCK_UNITS
    assert signs == {"sale": {False}, "damage": {False}, "restock": {True}, "return": {True}}
    assert counts["sale"] > counts["return"] > counts["damage"] > 50
    assert counts["restock"] > 20


def test_no_warehouse_ever_holds_less_than_nothing(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    move = Shop.move_stock

    def watched(shop: Shop, *movement: object) -> int:
        held.append(move(shop, *movement))  # type: ignore[arg-type]
        return held[-1]

    monkeypatch.setattr(Shop, "move_stock", watched)
    plan = Plan(start_us=START_US, rate=5_000, products=3, warehouses=2, order_seconds=2.0)
    for _ in islice(Simulation(plan, contract).messages(), 60_000):
        pass
    assert len(held) > 8_000
    assert min(held) >= 0


def test_most_orders_follow_a_session_that_filled_the_same_cart(simulate: Simulate) -> None:
    messages = simulate(40_000)
    carts = defaultdict(set)
    for seen in intact(messages, "user_activity"):
        if seen.fields["activity_type"] == "add_to_cart":
            details = seen.fields["metadata"]
            carts[seen.fields["user_id"]].add((details["product_id"], details["quantity"], details["price"]))
    led = placed = 0
    for seen in intact(messages, "order"):
        if seen.fields["status"] == "pending" and seen.publish_us > START_US + 30_000_000:
            placed += 1
            lines = {
                (item["product_id"], item["quantity"], item["unit_price"]) for item in seen.fields["items"]
            }
            led += lines <= carts[seen.fields["customer_id"]]
    assert placed > 2_000
    assert led / placed > 0.7


def test_anonymous_visitors_look_but_never_log_in_or_buy(simulate: Simulate) -> None:
    activities = list(intact(simulate(20_000), "user_activity"))
    anonymous = [seen.fields["activity_type"] for seen in activities if seen.fields["user_id"] is None]
    assert 0.03 < len(anonymous) / len(activities) < 0.15
    assert set(anonymous) == {"view_product"}
    assert {seen.fields["activity_type"] for seen in activities} == {
        "login", "logout", "view_product", "add_to_cart",
    }  # fmt: skip
