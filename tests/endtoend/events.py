"""Good events of each type, told apart by a number."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.contract.messages import GOOD

EVENT_TYPES = tuple(GOOD)
TABLES = {"order": "orders", "inventory": "inventory_logs", "user_activity": "user_activity"}
Message = tuple[bytes, dict[str, str]]


def event(event_type: str, **changes: Any) -> dict[str, Any]:
    """A good event of now, with `changes` made to its fields."""
    now = datetime.now(UTC).isoformat()
    time_field = "order_date" if event_type == "order" else "timestamp"
    return {**copy.deepcopy(GOOD[event_type]), time_field: now, **changes}


def message(event_type: str, event_id: str, **changes: Any) -> Message:
    """The message of a good event."""
    attributes = {"event_type": event_type, "event_id": event_id}
    return orjson.dumps(event(event_type, **changes)), attributes


def messages(count: int, prefix: str = "e") -> list[Message]:
    """`count` good events of all types in turn; their ids are prefix0, prefix1, …"""
    return [message(EVENT_TYPES[n % len(EVENT_TYPES)], f"{prefix}{n}") for n in range(count)]
