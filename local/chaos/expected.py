"""What must become of the published messages, by the contract alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from google.pubsub_v1.types import PubsubMessage

from pipeline.contract import Contract
from pipeline.elements import RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser

EventKey = tuple[str, str]
"""(event type, event id)."""


class Published(NamedTuple):
    """A message, as Pub/Sub says it got it."""

    payload: bytes
    published_at: float
    """Seconds since the epoch."""
    event: EventKey | None
    """None if the contract refuses the message."""


class Expected:
    """Every published message and where it belongs; takes what comes, and can be asked at any time."""

    def __init__(self, contract: Contract, is_refused: Callable[[str], bool]) -> None:
        """BigQuery refuses, on purpose, the events whose id `is_refused`."""
        self._parser = Parser(contract)
        self._is_refused = is_refused
        self.table_of = {
            event_type: contract.table_of(event_type).name for event_type in contract.event_types
        }
        self.messages: dict[str, Published] = {}
        self.events: dict[EventKey, list[str]] = {}
        """Event that belongs into its table -> its messages, the first one first."""
        self.refused: dict[EventKey, list[str]] = {}
        """Event that BigQuery refuses -> its messages, one of which is to be a dead letter."""

    def add(self, messages: Iterable[PubsubMessage]) -> None:
        """Take in more messages."""
        for message in messages:
            event = self._event_of(message)
            published_at = message.publish_time.timestamp()
            self.messages[message.message_id] = Published(message.data, published_at, event)
            if event is not None:
                kind = self.refused if self._is_refused(event[1]) else self.events
                kind.setdefault(event, []).append(message.message_id)

    @property
    def rejected(self) -> dict[str, bytes]:
        """Message id -> payload of what the contract refuses."""
        return {
            message_id: message.payload
            for message_id, message in self.messages.items()
            if message.event is None
        }

    @property
    def repeats(self) -> int:
        """Messages whose event was published before."""
        return sum(len(ids) - 1 for kind in (self.events, self.refused) for ids in kind.values())

    def row_of(self, message_id: str) -> tuple[str, str] | None:
        """(table, id) of the row that the message is to make; None if another message makes it."""
        event = self.messages[message_id].event
        if event is None:
            return "dead_letters", message_id
        if event in self.events and self.events[event][0] == message_id:
            return self.table_of[event[0]], event[1]
        return None

    def _event_of(self, message: PubsubMessage) -> EventKey | None:
        published = message.publish_time
        publish_time_us = int(published.timestamp()) * 1_000_000 + published.microsecond
        raw = RawMessage(message.data, dict(message.attributes), message.message_id, publish_time_us)
        try:
            event = self._parser.parse(raw, 0)
        except Rejected:
            return None
        return event.event_type, event.event_id
