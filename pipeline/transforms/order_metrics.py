"""Orders per window and dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import msgspec
from apache_beam.metrics import Metrics

from pipeline.anomalies.values import OrderValues
from pipeline.bigquery_rows import Row
from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.elements import Event
from pipeline.rows import LARGEST_INTEGER, Run, revision_columns, revision_key, row_of
from pipeline.sums import RECENT_HASHES, SKETCH_HASHES, DistinctCount, ExactSum, distinct_hash
from pipeline.transforms.windowed_sums import AddUpDeltas, Revise, Revision, WindowPartials
from pipeline.windows import window_start_us

HOUR_SECONDS = 3_600
NO_VALUE = "(none)"
"""The dimension value of orders that say nothing, such as an order without an address."""


class OrderTotals:
    """Counts and sums of some orders; adds up in any order."""

    __slots__ = ("customers", "items", "late", "order_values", "orders", "revenue")

    def __init__(
        self,
        orders: int = 0,
        items: int = 0,
        late: int = 0,
        revenue: ExactSum | None = None,
        customers: DistinctCount | None = None,
        order_values: OrderValues | None = None,
    ) -> None:
        self.orders = orders
        self.items = items
        self.late = late
        self.revenue = revenue or ExactSum()
        self.customers = customers or DistinctCount()
        self.order_values = order_values
        """Of a category: what the orders come to of which it is the largest part."""

    def add(self, other: OrderTotals, *, keep_recent: int = RECENT_HASHES) -> None:
        """Take in another one's counts. `keep_recent`: see DistinctCount.add."""
        self.orders += other.orders
        self.items += other.items
        self.late += other.late
        self.revenue.add(other.revenue)
        self.customers.add(other.customers, keep_recent=keep_recent)
        if other.order_values is not None:
            if self.order_values is None:
                self.order_values = OrderValues()
            self.order_values.add(other.order_values)

    def __reduce__(self) -> tuple[type[OrderTotals], tuple[Any, ...]]:
        return OrderTotals, (
            self.orders,
            self.items,
            self.late,
            self.revenue,
            self.customers,
            self.order_values,
        )


class SummarizeSettings(NamedTuple):
    """Windows and panes of the order metrics, in seconds."""

    window_seconds: int = 300
    pane_seconds: int | None = 60
    """None: one pane, when everything has been read."""
    lateness_seconds: int = 86_400


class SummaryOutputs(NamedTuple):
    """What comes out of SummarizeOrders."""

    windows: beam.PCollection  # Revision of {dimension_value: OrderTotals}, one group per dimension
    hours: beam.PCollection  # the same per hour


class SummarizeOrders(beam.PTransform):
    """Count orders and revenue per tumbling window, and per hour, for each dimension.

    An order whose window had ended more than `lateness_seconds` before its publish time is in its table
    but in no metric, in every mode alike; the counter `orders_too_late` has it. What Pub/Sub delivers again
    once the watermark, too, is past the lateness, Beam leaves out of the metrics uncounted.

    Input: list[Event] of any type. Output: SummaryOutputs.
    Units: revenue in the event's currency. Source: docs/adr/0005-panes-are-revisions.md
    """

    def __init__(self, settings: SummarizeSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, events: beam.PCollection) -> SummaryOutputs:
        settings = self.settings
        in_panes = settings.pane_seconds is not None
        deltas = (
            events
            | "SummarizeChunk" >> beam.ParDo(_SummarizeChunk(settings)).with_output_types(WindowPartials)
            | "AddUpDeltas"
            >> AddUpDeltas(settings.window_seconds, settings.pane_seconds, settings.lateness_seconds)
        )
        seconds, lateness_seconds = settings.window_seconds, settings.lateness_seconds
        return SummaryOutputs(
            deltas | "ReviseWindows" >> Revise(seconds, seconds, lateness_seconds, in_panes),
            deltas | "ReviseHours" >> Revise(HOUR_SECONDS, seconds, lateness_seconds, in_panes),
        )


class _Item(msgspec.Struct, gc=False):
    quantity: int
    unit_price: float
    category: str | None = None


class _Address(msgspec.Struct, gc=False):
    country: str | None = None


class _Order(msgspec.Struct, gc=False):
    """What the metrics need of an order's row."""

    order_id: str
    customer_id: str
    status: str
    total_amount: float
    items: list[_Item]
    shipping_address: _Address | None = None


_order_in: Callable[[bytes], _Order] = msgspec.json.Decoder(_Order).decode


def summarize_orders(
    events: Iterable[Event], window_seconds: int, lateness_seconds: int
) -> tuple[list[WindowPartials], int]:
    """(totals per window and dimension, orders too late for any metric)."""
    kept_us = (window_seconds + lateness_seconds) * 1_000_000
    orders: dict[tuple[int, str, str], OrderTotals] = {}
    categories: dict[tuple[int, str], OrderTotals] = {}
    too_late = 0
    for event in events:
        if event.event_type != "order":
            continue
        start_us = window_start_us(event.event_time_us, window_seconds)
        if start_us + kept_us <= event.publish_time_us:
            too_late += 1
            continue
        order = _order_in(event.columns)
        address, items = order.shipping_address, order.items
        customer = distinct_hash(order.customer_id)
        place = start_us, order.status, (address and address.country) or NO_VALUE
        totals = orders.get(place)
        if totals is None:
            totals = orders[place] = OrderTotals()
        totals.orders += 1
        totals.late += event.is_late
        totals.revenue.add_value(order.total_amount)
        totals.customers.add_hash(customer)
        counted: set[str] = set()
        largest, most = None, -1.0
        for item in items:
            units = item.quantity
            totals.items += units
            category = item.category or NO_VALUE
            within = categories.get((start_us, category))
            if within is None:
                within = categories[start_us, category] = OrderTotals()
            within.items += units
            within.revenue.add_value(item.unit_price, times=units)
            if units * item.unit_price > most:
                largest, most = within, units * item.unit_price
            if category not in counted:  # an order counts once in each of its categories
                counted.add(category)
                within.orders += 1
                within.late += event.is_late
                within.customers.add_hash(customer)
        if largest is not None:
            if largest.order_values is None:
                largest.order_values = OrderValues()
            largest.order_values.add_value(order.total_amount, order.order_id)
    return _by_dimension(orders, categories), too_late


def _by_dimension(
    orders: dict[tuple[int, str, str], OrderTotals], categories: dict[tuple[int, str], OrderTotals]
) -> list[WindowPartials]:
    """Totals of orders that have status and country in common go to each dimension at once.

    Packing pays for what stays; these are added up with others' as soon as they are given out.
    """
    found: dict[tuple[int, str], dict[str, OrderTotals]] = {}
    for (start_us, status, country), totals in orders.items():
        for dimension, value in (("all", "all"), ("status", status), ("country", country)):
            parts = found.setdefault((start_us, dimension), {})
            parts.setdefault(value, OrderTotals()).add(totals, keep_recent=SKETCH_HASHES)
    for (start_us, category), totals in categories.items():
        found.setdefault((start_us, "category"), {})[category] = totals
    return [WindowPartials(start_us, dimension, parts) for (start_us, dimension), parts in found.items()]


def metric_rows(revision: Revision, run: Run, emitted_at_us: int) -> list[Row]:
    """The rows of order_metrics or hourly_metrics for a revision, one per dimension value."""
    rows = []
    for value, totals in revision.parts.items():
        revenue = totals.revenue.value()
        columns = {
            **revision_columns(revision, run, emitted_at_us),
            "dimension": revision.group,
            "dimension_value": value,
            "order_count": totals.orders,
            "item_count": totals.items if totals.items <= LARGEST_INTEGER else None,
            "revenue": revenue,
            "average_order_value": None if revenue is None else revenue / totals.orders,
            "unique_customers": totals.customers.value(),
            "late_count": totals.late,
        }
        rows.append(row_of(columns, key=(*revision_key(revision, run), revision.group, value)))
    return rows


class ToMetricRows(beam.PTransform):
    """Write revisions as rows. Input: Revision of {dimension_value: OrderTotals}. Output: list[Row]."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def expand(self, revisions: beam.PCollection) -> beam.PCollection:
        return revisions | "MakeRows" >> beam.ParDo(_MakeRows(self.run)).with_output_types(Chunk)


class _MakeRows(beam.DoFn):
    def __init__(self, run: Run) -> None:
        self.run = run
        self.overflows = Metrics.counter("metrics", "sums_overflowed")

    def process(self, revision: Revision) -> Iterator[list[Row]]:
        rows = metric_rows(revision, self.run, now_us())
        overflowed = sum(
            totals.items > LARGEST_INTEGER or totals.revenue.value() is None
            for totals in revision.parts.values()
        )
        if overflowed:
            self.overflows.inc(overflowed)
        yield rows


class _SummarizeChunk(beam.DoFn):
    def __init__(self, settings: SummarizeSettings) -> None:
        self.settings = settings
        self.too_late = Metrics.counter("metrics", "orders_too_late")

    def process(self, events: list[Event]) -> Iterator[WindowPartials]:
        partials, too_late = summarize_orders(
            events, self.settings.window_seconds, self.settings.lateness_seconds
        )
        if too_late:
            self.too_late.inc(too_late)
        yield from partials
