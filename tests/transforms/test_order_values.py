"""What orders come to, by the category of their largest part."""

from __future__ import annotations

import pickle
from typing import Any

from pipeline.transforms.order_metrics import OrderTotals, summarize_orders
from tests.transforms.builders import event


def item(category: str | None, price: float, quantity: int = 1) -> dict[str, Any]:
    return {"product_id": "p-1", "category": category, "quantity": quantity, "unit_price": price}


def categories(*orders: tuple[str, float, list[dict[str, Any]]]) -> dict[str, OrderTotals]:
    events = [
        event(f"e-{number}", order_id=order_id, total_amount=amount, items=items)
        for number, (order_id, amount, items) in enumerate(orders)
    ]
    partials, _ = summarize_orders(events, 300, 86_400)
    (found,) = [each.parts for each in partials if each.group == "category"]
    return found


def largest(found: dict[str, OrderTotals]) -> dict[str, list[tuple[float, str]]]:
    return {
        category: totals.order_values.largest
        for category, totals in found.items()
        if totals.order_values is not None
    }


def test_an_order_counts_in_the_category_of_its_largest_part_with_its_whole_value() -> None:
    found = categories(
        ("o-1", 60.0, [item("kitchen", 20.0), item("garden", 4.0, quantity=10)]),
        ("o-2", 30.0, [item("kitchen", 30.0)]),
        ("o-3", 5.0, [item(None, 5.0)]),
    )
    assert largest(found) == {"garden": [(60.0, "o-1")], "kitchen": [(30.0, "o-2")], "(none)": [(5.0, "o-3")]}
    assert found["kitchen"].orders == 2


def test_of_parts_that_come_to_the_same_the_first_counts() -> None:
    assert largest(categories(("o-1", 20.0, [item("b", 10.0), item("a", 10.0)]))) == {"b": [(20.0, "o-1")]}


def test_an_order_that_costs_nothing_counts_too() -> None:
    assert largest(categories(("o-1", 0.0, [item("a", 0.0)]))) == {"a": [(0.0, "o-1")]}


def test_other_dimensions_keep_no_orders() -> None:
    partials, _ = summarize_orders([event("e-1")], 300, 86_400)
    others = [totals for each in partials if each.group != "category" for totals in each.parts.values()]
    assert others
    assert all(totals.order_values is None for totals in others)


def test_totals_add_up_and_are_stored_with_their_orders() -> None:
    one = categories(("o-1", 20.0, [item("a", 10.0)]))["a"]
    other = categories(("o-2", 30.0, [item("a", 10.0)]))["a"]
    total = OrderTotals()
    total.add(one)
    total.add(pickle.loads(pickle.dumps(other)))
    assert total.order_values is not None
    assert one.order_values is not None
    assert total.order_values.largest == [(30.0, "o-2"), (20.0, "o-1")]
    assert one.order_values.largest == [(20.0, "o-1")]
