"""What is judged of a pane."""

from __future__ import annotations

import pytest

from pipeline.anomalies.orders import OrderWindow
from pipeline.transforms.observations import LONGEST_VALUE, observe_orders
from pipeline.transforms.order_metrics import OrderTotals
from pipeline.transforms.windowed_sums import Revision
from tests.transforms.builders import at


def categories(*names: str) -> OrderWindow:
    """What is observed of categories with so many orders as their place in the list."""
    parts: dict[str, OrderTotals] = {}
    for orders, name in enumerate(names, start=1):
        parts[name] = OrderTotals(orders=orders)
    keyed = observe_orders(Revision(at(0), at(300), "category", parts, 0, "on_time"))
    assert keyed is not None
    observed: OrderWindow = keyed[1].observed
    return observed


@pytest.mark.parametrize("name", ["kitchen", "k" * LONGEST_VALUE, "(none)", ""])
def test_a_value_of_usual_length_stays_as_it_is(name: str) -> None:
    assert categories(name).parts == {"category": {name: 1}}


def test_a_value_of_any_length_is_cut_and_stays_another_than_its_like() -> None:
    # The contract bounds no category, and what is followed is kept in state and told in alerts.
    long = "k" * 1_000_000
    (counts,) = categories(long + "1", long + "2", "kitchen").parts.values()
    assert sorted(counts.values()) == [1, 2, 3]
    assert {len(name) for name in counts} == {LONGEST_VALUE, len("kitchen")}
    assert categories(long + "1").parts["category"].keys() < counts.keys()
