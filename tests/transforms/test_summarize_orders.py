"""Orders added up per window and dimension, and the rows that are made of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.elements import Event
from pipeline.rows import Run
from pipeline.transforms.order_metrics import (
    NO_VALUE,
    OrderTotals,
    ToMetricRows,
    metric_rows,
    summarize_orders,
)
from pipeline.transforms.windowed_sums import AddUpParts, Revision
from tests.transforms.builders import at, event
from tests.transforms.streams import run_batch

RUN = Run("run-1", "streaming")
WINDOW, LATENESS = 300, 3_600
Figures = tuple[int, int, float | None, int, int]
"""Orders, units, revenue, customers, late orders."""


def summarized(*events: Event) -> dict[tuple[float, str, str], Figures]:
    partials, _ = summarize_orders(events, WINDOW, LATENESS)
    return {
        ((partial.window_start_us - at(0)) / 1e6, partial.group, value): figures(totals)
        for partial in partials
        for value, totals in partial.parts.items()
    }


def figures(totals: OrderTotals) -> Figures:
    return (totals.orders, totals.items, totals.revenue.value(), totals.customers.value(), totals.late)


def item(category: str | None = None, quantity: int = 1, unit_price: float = 1.0) -> dict[str, Any]:
    named = {} if category is None else {"category": category}
    return {"product_id": "P1", "quantity": quantity, "unit_price": unit_price, **named}


def test_an_order_counts_in_every_dimension() -> None:
    order = event(items=[item("Books", 2, 5.0), item("Toys", 1, 7.5)], total_amount=20.0, seconds=299)
    assert summarized(order) == {
        (0, "all", "all"): (1, 3, 20.0, 1, 0),
        (0, "status", "pending"): (1, 3, 20.0, 1, 0),
        (0, "country", "DE"): (1, 3, 20.0, 1, 0),
        (0, "category", "Books"): (1, 2, 10.0, 1, 0),
        (0, "category", "Toys"): (1, 1, 7.5, 1, 0),
    }


def test_an_order_counts_once_in_a_category_of_several_items() -> None:
    order = event(items=[item("Books", 2, 5.0), item("Books", 3, 1.0)])
    assert summarized(order)[0, "category", "Books"] == (1, 5, 13.0, 1, 0)


@pytest.mark.parametrize("address", [None, "absent"])
def test_an_order_without_an_address_has_no_country(address: str | None) -> None:
    order = event(shipping_address=None)
    if address == "absent":
        columns = orjson.loads(order.columns)
        del columns["shipping_address"]
        order = replace(order, columns=orjson.dumps(columns))
    assert summarized(order)[0, "country", NO_VALUE][0] == 1


@pytest.mark.parametrize("category", [None, ""])
def test_an_item_without_a_category_has_none(category: str | None) -> None:
    assert (0, "category", NO_VALUE) in summarized(event(items=[item(category)]))


def test_windows_begin_at_their_start_and_end_before_their_end() -> None:
    found = summarized(event("a", seconds=299), event("b", seconds=300), event("c", seconds=599))
    assert found[0, "all", "all"][0] == 1
    assert found[300, "all", "all"][0] == 2


def test_customers_count_once_and_late_orders_are_counted() -> None:
    events = [
        event("a", customer_id="C1", published=301),
        event("b", customer_id="C1"),
        event("c", customer_id="C2"),
    ]
    assert summarized(*events)[0, "all", "all"] == (3, 6, 37.5, 2, 1)


def test_events_of_other_types_are_no_orders() -> None:
    assert summarized(event("a", "inventory"), event("b", "user_activity")) == {}


@pytest.mark.parametrize(("published", "too_late"), [(3_899.999999, 0), (3_900, 1), (10_000, 1)])
def test_an_order_published_after_its_windows_lateness_is_too_late(published: float, too_late: int) -> None:
    partials, counted = summarize_orders([event(seconds=10, published=published)], WINDOW, LATENESS)
    assert (counted, bool(partials)) == (too_late, not too_late)


_orders = st.lists(
    st.builds(
        lambda seconds, status, country, categories, amount: event(
            seconds=seconds,
            status=status,
            total_amount=amount,
            shipping_address=country and {"city": "Köln", "country": country},
            items=[item(category) for category in categories],
        ),
        st.integers(0, 1_000),
        st.sampled_from(["pending", "processing", "shipped", "delivered"]),
        st.sampled_from([None, "DE", "FR"]),
        st.lists(st.sampled_from([None, "Books", "Toys"]), min_size=1, max_size=3),
        st.floats(0, 1e308),
    ),
    max_size=12,
)


@given(_orders, st.integers(0, 12))
def test_every_dimension_adds_up_to_the_orders_however_they_are_cut_into_chunks(
    orders: list[Event], cut: int
) -> None:
    whole = totals_of(orders)
    counted = Counter({"all": 0, "status": 0, "country": 0})
    for (_, group), parts in whole.items():
        if group != "category":
            counted[group] += sum(totals.orders for totals in parts.values())
    assert counted == dict.fromkeys(("all", "status", "country"), len(orders))
    assert comparable(totals_of(orders[:cut], orders[cut:])) == comparable(whole)


Totals = dict[tuple[int, str], dict[str, OrderTotals]]


def totals_of(*chunks: list[Event]) -> Totals:
    totals: Totals = {}
    for chunk in chunks:
        for start_us, group, parts in summarize_orders(chunk, WINDOW, LATENESS)[0]:
            totals[start_us, group] = AddUpParts().add_input(totals.get((start_us, group), {}), parts)
    return totals


def comparable(totals: Totals) -> dict[tuple[int, str], dict[str, Figures]]:
    return {key: {value: figures(each) for value, each in parts.items()} for key, parts in totals.items()}


def revision(*events: Event, group: str = "all", pane_index: int = 0) -> Revision:
    partials, _ = summarize_orders(events, WINDOW, LATENESS)
    (parts,) = [partial.parts for partial in partials if partial.group == group]
    return Revision(at(0), at(300), group, parts, pane_index, "on_time")


def test_rows_hold_counts_sums_and_the_average() -> None:
    orders = [
        event("a", total_amount=10.0),
        event("b", total_amount=25.5, customer_id="C2", status="shipped"),
    ]
    (row,) = metric_rows(revision(*orders), RUN, at(301))
    assert orjson.loads(row.json) == {
        "window_start": "2024-05-01T12:00:00.000000Z",
        "window_end": "2024-05-01T12:05:00.000000Z",
        "run_id": "run-1",
        "run_mode": "streaming",
        "pane_index": 0,
        "pane_timing": "on_time",
        "emitted_at": "2024-05-01T12:05:01.000000Z",
        "dimension": "all",
        "dimension_value": "all",
        "order_count": 2,
        "item_count": 4,
        "revenue": 35.5,
        "average_order_value": 17.75,
        "unique_customers": 2,
        "late_count": 0,
    }
    by_status = [orjson.loads(each.json) for each in metric_rows(revision(*orders, group="status"), RUN, 0)]
    assert [(each["dimension_value"], each["revenue"]) for each in by_status] == [
        ("pending", 10.0),
        ("shipped", 25.5),
    ]


def test_sums_that_overflow_are_left_out_of_the_row() -> None:
    huge = [event(name, total_amount=1.7e308, items=[item(quantity=2**63 - 1)]) for name in "ab"]
    (row,) = metric_rows(revision(*huge), RUN, at(301))
    columns = orjson.loads(row.json)
    assert not columns.keys() & {"revenue", "average_order_value", "item_count"}
    assert columns["order_count"] == 2


def test_insert_id_stands_for_revision_dimension_value_and_run() -> None:
    def insert_ids(made: Revision, run: Run = RUN, emitted_at_us: int = 0) -> set[str]:
        return {row.insert_id for row in metric_rows(made, run, emitted_at_us)}

    orders = [event("a"), event("b", status="shipped")]
    ids = insert_ids(revision(*orders, group="status"))
    assert len(ids) == 2
    assert insert_ids(revision(*orders, group="status"), emitted_at_us=at(9)) == ids
    assert ids.isdisjoint(insert_ids(revision(*orders, group="status", pane_index=1)))
    assert ids.isdisjoint(insert_ids(revision(*orders, group="status"), Run("run-2", "streaming")))
    assert ids.isdisjoint(insert_ids(revision(*orders, group="country")))


def test_sums_that_overflow_are_counted() -> None:
    huge = [event(name, total_amount=1.7e308) for name in "ab"]
    outcome = run_batch(
        [revision(*huge), revision(*huge, group="status"), revision(*huge[:1])],
        lambda revisions: {"rows": revisions | ToMetricRows(RUN)},
    )
    assert outcome.counters == {"sums_overflowed": 2}
    assert [len(rows) for rows in outcome.outputs["rows"]] == [1, 1, 1]
