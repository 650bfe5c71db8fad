"""Messages for the tests: good ones of each event type, and what the parser says of any message."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec.structs import replace

from pipeline.contract import load_contract
from pipeline.elements import Event, RawMessage
from pipeline.errors import ContractError, Rejected
from pipeline.parse import Parser

CONTRACT = load_contract()
PARSER = Parser(CONTRACT)

PUBLISHED_US = 1_714_564_805_000_000  # 2024-05-01T12:00:05Z
PROCESSED_US = PUBLISHED_US + 5

_ORDER: dict[str, Any] = {
    "order_id": "O1",
    "customer_id": "C1",
    "order_date": "2024-05-01T12:00:00Z",
    "status": "pending",
    "total_amount": 12.5,
    "items": [{"product_id": "P1", "quantity": 2, "unit_price": 6.25}],
    "shipping_address": {"city": "Köln", "country": "DE"},
}
_INVENTORY = {
    "inventory_id": "I1",
    "product_id": "P1",
    "warehouse_id": "W1",
    "quantity_change": -2,
    "reason": "sale",
    "timestamp": "2024-05-01T12:00:00Z",
}
_ACTIVITY = {
    "user_id": None,
    "activity_type": "view_product",
    "timestamp": "2024-05-01T12:00:00Z",
    "metadata": {"referrer": "https://search.example/?q=a:b", "price": 3},
}
GOOD: dict[str, dict[str, Any]] = {"order": _ORDER, "inventory": _INVENTORY, "user_activity": _ACTIVITY}
_FIRST_ACTIVITY: dict[str, Any] = {
    "user_id": "u-1",
    "event_type": "view_product",
    "product_id": "p-1",
    "price": 3.5,
    "event_time": "2024-05-01T12:00:00Z",
}
_SECOND_ACTIVITY: dict[str, Any] = {
    **_FIRST_ACTIVITY,
    "session_id": "s-1",
    "category": "mugs",
    "quantity": 2,
    "user_segment": "new",
}
GOOD_EARLIER: dict[tuple[str, int], dict[str, Any]] = {
    ("user_activity", 1): _FIRST_ACTIVITY,
    ("user_activity", 2): _SECOND_ACTIVITY,
}


def good(event_type: str = "order", /, **changes: Any) -> dict[str, Any]:
    """Return a good event with `changes` made to its top-level fields."""
    return {**copy.deepcopy(GOOD[event_type]), **changes}


def message(
    event: Any, attributes: Mapping[str, str] | None = None, published_us: int | None = PUBLISHED_US
) -> RawMessage:
    """Return the message that carries `event`: bytes as they are, anything else as JSON."""
    payload = event if isinstance(event, bytes) else orjson.dumps(event)
    given = {"event_type": "order", "event_id": "e1"} if attributes is None else attributes
    return RawMessage(payload, given, "m1", published_us)


def refusal(raw: RawMessage, parser: Parser = PARSER) -> Rejected:
    """Return why `raw` is refused; fails if it is not."""
    try:
        event = parser.parse(raw, PROCESSED_US)
    except Rejected as refused:
        return refused
    raise AssertionError(f"accepted: {event.row!r}")


def verdict(raw: RawMessage, parser: Parser = PARSER) -> tuple[str, list[tuple[str, str]]]:
    """Return the reason for which `raw` is refused, with path and rule of each error."""
    refused = refusal(raw, parser)
    return refused.reason, [(error.path, error.rule) for error in refused.errors]


def row(raw: RawMessage, parser: Parser = PARSER) -> dict[str, Any]:
    """Return the row of the event in `raw`."""
    parsed: dict[str, Any] = orjson.loads(parser.parse(raw, PROCESSED_US).row)
    return parsed


def errors_at(refused: Rejected, path: str) -> list[ContractError]:
    """Return the errors at `path`."""
    return [error for error in refused.errors if error.path == path]


def assert_alike(quick: Event, thorough: Event) -> None:
    """Both ways of reading made the same event; how their columns are spelled may differ."""
    assert orjson.loads(quick.columns) == orjson.loads(thorough.columns)
    assert replace(quick, columns=thorough.columns) == thorough
