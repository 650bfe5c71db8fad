"""`event_types`: only these are made, at the rate and with the shares of the whole."""

from __future__ import annotations

import pytest

from generator.instants import SECOND_US
from generator.vocabulary import EVENT_TYPES
from tests.generator.reading import START_US, Simulate


@pytest.mark.parametrize(
    "event_types",
    [("order",), ("inventory",), ("user_activity",), ("order", "inventory"), ("inventory", "user_activity")],
    ids="+".join,
)
def test_only_these_types_come_and_the_rate_and_shares_are_theirs(
    event_types: tuple[str, ...], simulate: Simulate
) -> None:
    late_share = 0.0 if event_types == ("inventory",) else 0.06
    messages = simulate(
        30_000, rate=1_000.0, event_types=event_types, order_seconds=10.0, seed=2, products=50,
        malformed_share=0.08, duplicate_share=0.04, late_share=late_share,
    )  # fmt: skip
    count = len(messages)
    assert {message.event_type for message in messages} == set(event_types)
    seconds = (messages[-1].publish_us - START_US) / SECOND_US
    assert count / seconds == pytest.approx(1_000, rel=0.05)
    assert sum(message.fault is not None for message in messages) / count == pytest.approx(0.08, rel=0.1)
    assert sum(message.is_duplicate for message in messages) / count == pytest.approx(0.04, rel=0.15)
    assert sum(message.is_late for message in messages) / count == pytest.approx(late_share, rel=0.15)


def test_orders_and_movements_keep_their_proportion(simulate: Simulate) -> None:
    def movements_per_order(event_types: tuple[str, ...]) -> float:
        types = [message.event_type for message in simulate(40_000, event_types=event_types)]
        return types.count("inventory") / types.count("order")

    together = movements_per_order(("order", "inventory"))
    assert together == pytest.approx(movements_per_order(EVENT_TYPES), rel=0.05)
