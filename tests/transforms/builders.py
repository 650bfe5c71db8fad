"""Events, messages and dead letters for the tests of the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.errors import ContractError
from pipeline.parse import Parser
from tests.contract.messages import CONTRACT, good

SECOND = 1_000_000
NOON_US = 1_714_564_800 * SECOND
"""2024-05-01T12:00:00Z, the start of a window of every length the tests use."""

_PARSER = Parser(CONTRACT)
_TIME_FIELDS = {"order": "order_date", "inventory": "timestamp", "user_activity": "timestamp"}


def at(seconds: float) -> int:
    """Return µs since the epoch of so many seconds after noon."""
    return NOON_US + round(seconds * SECOND)


def clock_text(seconds: float) -> str:
    """Return RFC 3339 text of so many whole seconds after noon, within the day."""
    hours, rest = divmod(int(seconds), 3_600)
    return f"2024-05-01T{12 + hours:02d}:{rest // 60:02d}:{rest % 60:02d}Z"


def event(
    event_id: str = "e1",
    event_type: str = "order",
    *,
    seconds: float = 0,
    published: float | None = None,
    message_id: str | None = None,
    **fields: Any,
) -> Event:
    """Return what the parser makes of a good event of `seconds` after noon, published then or at `published`.

    It is processed a second after it was published.
    """
    published_us = at(seconds if published is None else published)
    fields[_TIME_FIELDS[event_type]] = clock_text(seconds)
    message = RawMessage(
        orjson.dumps(good(event_type, **fields)),
        {"event_type": event_type, "event_id": event_id},
        message_id or f"m-{event_id}",
        published_us,
    )
    return _PARSER.parse(message, published_us + SECOND)


def dead_letter(
    payload: bytes = b"{}",
    attributes: Mapping[str, str] | None = None,
    *,
    errors: tuple[ContractError, ...] = (ContractError("/order_id", "required", "order_id is missing."),),
    message_id: str | None = "m1",
    published: float | None = 0,
    reason: str = "missing_field",
    event_type: str | None = "order",
) -> DeadLetter:
    """Return a dead letter of the stage `parse`, failed a second after noon."""
    published_us = None if published is None else at(published)
    message = RawMessage(payload, dict(attributes or {}), message_id, published_us)
    return DeadLetter(message, "parse", reason, errors, event_type, at(1))
