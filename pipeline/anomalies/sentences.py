"""What an alert says: one sentence or two that a tired person understands."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.anomalies.life import Subject
from pipeline.anomalies.series import Range

_NAMES = {"order_count": "Orders", "revenue": "Revenue", "average_order_value": "The average order value"}
_EXAMPLES = 3


def number(value: float) -> str:
    """A number as people write it."""
    if value == int(value) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def moved(metric: str, value: float, expected: Range) -> str:
    """All orders have risen or fallen."""
    verb = "rose" if value > expected.expected else "fell"
    return f"{_NAMES[metric]} {verb} to {number(value)}; {_range(metric, expected)}."


def part_moved(subject: Subject, value: float, expected: Range) -> str:
    """A part has moved otherwise than the whole."""
    verb = "rose" if value > expected.expected else "fell"
    place = f"{subject.dimension} {subject.dimension_value}"
    return (
        f"Orders of {place} {verb} to {number(value)}, otherwise than all orders did; "
        f"{_range(subject.metric, expected)}."
    )


def silence(windows: int, missed: float) -> str:
    """No order has come."""
    row = "in this window" if windows == 1 else f"in the last {windows} windows"
    return f"Not a single order came {row}; about {number(round(missed))} were expected."


def drifted(metric: str, logarithm: float) -> str:
    """A level has slowly moved."""
    share = abs(math.expm1(logarithm))
    verb, side = ("risen", "above") if logarithm > 0 else ("slipped", "below")
    return (
        f"{_NAMES[metric]} {'have' if metric == 'order_count' else 'has'} slowly {verb}: over the last hours "
        f"{share:.0%} {side} what the last days make usual."
    )


def unusual(category: str, orders: Sequence[tuple[float, str]], bound: float) -> str:
    """Single orders far outside of their category."""
    value, order_id = orders[0]
    more = f", and {len(orders) - 1} more" if len(orders) > 1 else ""
    return (
        f"Order {order_id} comes to {value:,.2f}{more}: 999 of 1,000 orders in {category} come to "
        f"{number(round(bound))} at most."
    )


def accepted(metric: str, value: float) -> str:
    """What was out of the ordinary has lasted."""
    return (
        f"{_NAMES[metric]} stayed where {'they were' if metric == 'order_count' else 'it was'} for so long "
        f"that {number(value)} is taken for the usual from now on."
    )


def low_validity(event_type: str, rejected: int, received: int, rate: float, least: float) -> str:
    """Too many messages were rejected."""
    of = "" if event_type == "all" else f" of type {event_type}"
    return (
        f"{rejected:,} of {received:,} messages{of} were rejected: {rate:.1%} are valid, at least "
        f"{least:.1%} were expected. The reasons are in dead_letters."
    )


def high_latency(latency_ms: float, most_ms: float) -> str:
    """Messages wait too long."""
    return (
        f"One message in twenty took more than {latency_ms / 1_000:,.1f} s from publish to processed; "
        f"{most_ms / 1_000:,.1f} s is the limit."
    )


def running_out(warehouse: str, products: Sequence[tuple[str, int]]) -> str:
    """Products have not been restocked when they always were."""
    examples = ", ".join(f"{product} by {units:,}" for product, units in products[:_EXAMPLES])
    more = f" and {len(products) - _EXAMPLES} more" if len(products) > _EXAMPLES else ""
    plural = "products have" if len(products) > 1 else "product has"
    return (
        f"{len(products)} {plural} fallen below the level at which {warehouse} always restocked: "
        f"{examples} units{more}."
    )


def wrong_way(warehouse: str, movements: int, example: str) -> str:
    """Stock moves against its reason."""
    return (
        f"{movements:,} movements in {warehouse} go against their reason, such as {example}: "
        "stock is counted wrongly there."
    )


def _range(metric: str, expected: Range) -> str:
    low, high = number(round(expected.low, 2)), number(round(expected.high, 2))
    if metric == "order_count":
        low, high = number(round(expected.low)), number(round(expected.high))
    return f"{low} to {high} {'were' if metric == 'order_count' else 'was'} expected"
