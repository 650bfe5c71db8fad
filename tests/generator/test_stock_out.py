from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from generator.deliveries import stock_out_of
from generator.incidents import Incident, parse_incident
from generator.instants import SECOND_US
from generator.labels import Labels
from generator.shop import Shop, product_ids, warehouse_ids
from generator.simulation import Plan
from tests.generator.reading import START_US, Seen, Simulate, intact

BEGIN_US, END_US = START_US + 5 * SECOND_US, START_US + 15 * SECOND_US
PLAN = {"rate": 1_000.0, "order_seconds": 2.0, "event_types": ("order", "inventory")}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what a warehouse held after each movement."""
    units: list[int] = []
    move = Shop.move_stock

    def watched(shop: Shop, *movement: object) -> int:
        units.append(move(shop, *movement))  # type: ignore[arg-type]
        return units[-1]

    monkeypatch.setattr(Shop, "move_stock", watched)
    return units


def label_of(incidents: tuple[Incident, ...], **plan: Any) -> dict[str, Any]:
    labels = Labels(Plan(start_us=START_US, incidents=incidents, **plan))
    labels.observe(END_US, 0)
    return labels.as_dicts(END_US)[0]


def restocks(movements: list[Seen]) -> list[tuple[int, str, str]]:
    return [
        (seen.publish_us, seen.fields["warehouse_id"], seen.fields["product_id"])
        for seen in movements
        if seen.fields["reason"] == "restock"
    ]


def test_no_delivery_reaches_the_warehouse_until_the_stock_out_ends_and_then_all_of_them(
    simulate: Simulate, held: list[int]
) -> None:
    incidents = (parse_incident("stock_out@5s+10s"),)
    plan = {**PLAN, "products": 3, "warehouses": 2}
    (closed,) = label_of(incidents, **plan)["warehouse_ids"]
    movements = list(intact(simulate(22_000, incidents=incidents, **plan), "inventory"))
    delivered = restocks(movements)
    there = [instant for instant, warehouse_id, _ in delivered if warehouse_id == closed]
    elsewhere = [instant for instant, warehouse_id, _ in delivered if warehouse_id != closed]
    assert sum(instant < BEGIN_US for instant in there) > 3
    assert [instant for instant in there if BEGIN_US <= instant < END_US] == []
    assert [instant for instant in there if instant >= END_US][:3] == [END_US] * 3  # all three products
    assert sum(instant > END_US + SECOND_US for instant in there) > 3
    assert sum(BEGIN_US <= instant < END_US for instant in elsewhere) > 10
    late_sales = Counter(
        seen.fields["warehouse_id"]
        for seen in movements
        if seen.fields["reason"] == "sale" and END_US - 5 * SECOND_US <= seen.publish_us < END_US
    )
    assert late_sales.total() > 1_000
    assert late_sales[closed] < 0.05 * late_sales.total()  # what customers sent back
    assert min(held) == 0


def test_what_no_warehouse_can_send_waits_for_the_deliveries(simulate: Simulate, held: list[int]) -> None:
    incidents = (parse_incident("stock_out@5s+10s"),)
    messages = simulate(26_000, incidents=incidents, products=3, warehouses=1, **PLAN)
    ordered: Counter[tuple[str, int]] = Counter()
    sold: Counter[tuple[str, int]] = Counter()
    sales = []
    horizon_us = messages[-1].publish_us - SECOND_US
    for seen in intact(messages, "order"):
        if seen.fields["status"] == "pending" and START_US + SECOND_US <= seen.publish_us <= horizon_us:
            ordered.update((item["product_id"], item["quantity"]) for item in seen.fields["items"])
    for seen in intact(messages, "inventory"):
        if seen.fields["reason"] == "sale":
            sales.append(seen.publish_us)
            if seen.publish_us >= START_US + SECOND_US:
                sold[seen.fields["product_id"], -seen.fields["quantity_change"]] += 1
    assert horizon_us > END_US + 3 * SECOND_US
    assert sum(END_US - 3 * SECOND_US <= instant < END_US for instant in sales) < 50  # of 500 ordered
    assert sum(instant == END_US for instant in sales) > 300
    assert not ordered - sold
    assert min(held) == 0


def test_only_the_share_of_the_products_in_the_label_is_missing(simulate: Simulate) -> None:
    incidents = (parse_incident("stock_out@5s+10s x0.5"),)
    plan = {**PLAN, "products": 6, "warehouses": 2}
    label = label_of(incidents, **plan)
    movements = list(intact(simulate(16_000, incidents=incidents, **plan), "inventory"))
    assert movements[-1].publish_us > END_US
    come = {
        product_id
        for instant, warehouse_id, product_id in restocks(movements)
        if warehouse_id in label["warehouse_ids"] and BEGIN_US <= instant < END_US
    }
    assert len(label["product_ids"]) == 3
    assert come
    assert come <= set(product_ids(6)) - set(label["product_ids"])


def test_of_two_stock_outs_of_a_warehouse_the_later_end_counts(simulate: Simulate) -> None:
    incidents = tuple(map(parse_incident, ("stock_out@5s+10s", "stock_out@8s+10s")))
    messages = simulate(26_000, incidents=incidents, products=2, warehouses=1, **PLAN)
    delivered = [instant for instant, _, _ in restocks(list(intact(messages, "inventory")))]
    assert max(instant for instant in delivered if instant < END_US) < BEGIN_US
    assert min(instant for instant in delivered if instant >= BEGIN_US) == START_US + 18 * SECOND_US


def test_seed_and_times_draw_the_warehouse() -> None:
    def drawn(seed: int, spec: str) -> str:
        return stock_out_of(parse_incident(spec), seed, warehouse_ids(9), product_ids(4)).warehouse_id

    assert drawn(1, "stock_out@5s+10s") == drawn(1, "stock_out@5s+10s x0.5")
    assert len({drawn(seed, "stock_out@5s+10s") for seed in range(40)}) > 5
    assert len({drawn(1, f"stock_out@{start}s+10s") for start in range(40)}) > 5
