"""Movements of stock per window, warehouse and product."""

from __future__ import annotations

from pipeline.elements import Event
from pipeline.transforms.stock import summarize_stock
from tests.transforms.builders import at, event


def movement(seconds: float, units: int, reason: str, product: str = "p-1", warehouse: str = "w-1") -> Event:
    return event(
        f"{seconds}-{product}",
        "inventory",
        seconds=seconds,
        quantity_change=units,
        reason=reason,
        product_id=product,
        warehouse_id=warehouse,
    )


def test_movements_add_up_per_window_warehouse_and_product() -> None:
    events = [
        movement(0, -3, "sale"),
        movement(299, 100, "restock"),
        movement(299, 5, "sale"),
        movement(1, -1, "damage", product="p-2"),
        movement(2, 2, "return", warehouse="w-2"),
        movement(300, -4, "sale"),
        event("o-1"),
        event("u-1", "user_activity"),
    ]
    found = {
        ((each.window_start_us - at(0)) / 1e6, each.group): {
            product: (moves.units, moves.restocked, moves.restocks, moves.wrong_way)
            for product, moves in each.parts.items()
        }
        for each in summarize_stock(events, 300)
    }
    assert found == {
        (0, "w-1"): {"p-1": (102, 100, 1, 1), "p-2": (-1, 0, 0, 0)},
        (0, "w-2"): {"p-1": (2, 0, 0, 0)},
        (300, "w-1"): {"p-1": (-4, 0, 0, 0)},
    }


def test_a_chunk_without_movements_has_nothing() -> None:
    assert summarize_stock([event("o-1")], 300) == []
