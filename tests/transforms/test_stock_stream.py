"""Stock on a stream: movements of each window, and those that come late."""

from __future__ import annotations

from msgspec.structs import replace

from tests.transforms.builders import at
from tests.transforms.streams import LONGEST_TIMER_SECONDS, Script
from tests.transforms.test_anomalies_stream import W, detect, movement


def test_a_product_that_is_not_restocked_and_one_that_moves_the_wrong_way() -> None:
    script = Script()
    for number in range(6):
        reason, units = ("sale", -100) if number % 2 == 0 else ("restock", 100)
        if number == 4:
            units = -130
        moves = [movement(number, reason, units)]
        if number == 3:
            moves.append(movement(number, "sale", 5, "w-2"))
        script.chunk(*moves).watermark((number + 1) * W)
    outcome = script.run(detect("stock", stock_min_products=1))
    alerts = [each for each in outcome.outputs["alerts"] if each.dimension == "warehouse"]
    assert [(each.kind, each.dimension_value, each.state) for each in alerts] == [
        ("wrong_way", "w-2", "open"),
        ("stock_low", "w-1", "open"),
        ("wrong_way", "w-2", "resolved"),
    ]


def test_movements_that_come_late_are_counted() -> None:
    script = Script()
    for number in range(4):
        reason, units = ("sale", -100) if number % 2 == 0 else ("restock", 100)
        script.chunk(movement(number, reason, units)).watermark((number + 1) * W)
    slow = movement(3, "damage", -60)
    published_us = at(4 * W + 10)
    script.chunk(
        replace(
            slow, message=replace(slow.message, publish_time_us=published_us), publish_time_us=published_us
        )
    ).wait(LONGEST_TIMER_SECONDS + 1)
    script.chunk(movement(4, "sale", -70)).watermark(5 * W)
    outcome = script.run(detect("stock", stock_min_products=1))
    alerts = [each for each in outcome.outputs["alerts"] if each.dimension == "warehouse"]
    assert [(each.kind, each.state) for each in alerts] == [("stock_low", "open")]
    assert "p-1 by 30 units" in alerts[0].summary
