"""Reading messages back as the tests need them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from generator.instants import instant_us
from generator.messages import Message
from generator.options import DEFAULT_START

START_US = instant_us(DEFAULT_START)
Simulate = Callable[..., list[Message]]
EVENT_TIME = {"order": "order_date", "inventory": "timestamp", "user_activity": "timestamp"}


class Seen(NamedTuple):
    fields: dict[str, Any]
    publish_us: int
    event_us: int


def intact(messages: Iterable[Message], event_type: str) -> Iterator[Seen]:
    """Yield the valid events of one type, duplicates left out."""
    for message in messages:
        if message.event_type == event_type and message.fault is None and not message.is_duplicate:
            fields = json.loads(message.payload)
            yield Seen(fields, message.publish_us, instant_us(fields[EVENT_TIME[event_type]]))
