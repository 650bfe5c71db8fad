"""From a raw message to an event that keeps the contract, or to a refusal that names every fault.

Nearly all events are good ones, so a message is first judged quickly; the quick way says yes or
nothing. Whatever it says nothing to is read again, thoroughly, and accepted or refused there.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal

from msgspec import UNSET
from msgspec.structs import replace
from orjson import dumps, loads

from pipeline.collection import without_collection
from pipeline.contract import Contract
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.envelope import (
    FIELDS,
    MAX_EVENT_ID_CHARACTERS,
    derived_id,
    event_id_fault,
    is_event_id,
    newer_version_fault,
    schema_version,
    unknown_type_fault,
    version_fault,
)
from pipeline.errors import ContractError, EventTimeInFuture, NumberOutOfRange, Rejected
from pipeline.event_tables import EventTable, event_table
from pipeline.json_text import MAX_ERRORS, MAX_PAYLOAD_BYTES, Fault, read_object
from pipeline.precedence import refusal_for
from pipeline.quick_reading import Refused, encode
from pipeline.rfc3339 import format_rfc3339, parse_rfc3339_us
from pipeline.wording import shortened

_EVENT_TYPE = b'"event_type":"'


class Parser:
    """Parses the messages of all event types. Made once per worker: it compiles the contract (under 1 ms).

    Pickles as its arguments. Not for several threads at once.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        unknown_fields: Literal["reject", "drop"] = "reject",
        max_future_seconds: float = 300,
        late_after_seconds: float = 300,
    ) -> None:
        """Compile `contract`; raises ContractFileError for a pattern that cannot be compiled."""
        self._arguments = (contract, unknown_fields, max_future_seconds, late_after_seconds)
        self._drops_unknown = unknown_fields == "drop"
        self._max_future_us = round(max_future_seconds * 1_000_000)
        self._late_after_us = round(late_after_seconds * 1_000_000)
        self._tables: dict[str, EventTable] = {
            event_type: event_table(contract.table_of(event_type)) for event_type in contract.event_types
        }
        self._tables_by_text = {dumps(table.event_type)[1:-1]: table for table in self._tables.values()}
        self.dropped_fields = 0
        """Fields dropped since construction, under unknown_fields="drop"."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments; what was compiled cannot be pickled."""
        return _parser, self._arguments

    def parse(self, message: RawMessage, processed_at_us: int) -> Event:
        """Return the event in `message`; raises a Rejected that lists its errors."""
        return self._read_quickly(message, processed_at_us) or self._judge(message, processed_at_us)

    def parse_all(
        self, messages: Iterable[RawMessage], processed_at_us: int
    ) -> tuple[list[Event], list[DeadLetter]]:
        """Return what `parse` makes of each message, and a letter for each that it refuses, in order.

        What takes a closer look waits until the others are read: in turns, each way slows the other down.
        """
        events: list[Event | None] = []
        unread: list[tuple[int, RawMessage]] = []
        for message in messages:
            event = self._read_quickly(message, processed_at_us)
            if event is None:
                unread.append((len(events), message))
            events.append(event)
        dead_letters: list[DeadLetter] = []
        for place, message in unread:
            try:
                events[place] = self._judge(message, processed_at_us)
            except Rejected as refusal:
                dead_letters.append(
                    DeadLetter(
                        message, "parse", refusal.reason, refusal.errors, refusal.event_type, processed_at_us
                    )
                )
        return [event for event in events if event is not None], dead_letters

    def _read_quickly(self, message: RawMessage, processed_at_us: int) -> Event | None:
        """Return the event, or None if that takes a closer look.

        Written straight on, because every event comes by.
        """
        payload, attributes, publish_time_us = message.payload, message.attributes, message.publish_time_us
        event_type = attributes.get("event_type")
        if event_type is None:
            # A guess: decoding tells whether it is right.
            start = payload.find(_EVENT_TYPE) + len(_EVENT_TYPE)
            table = self._tables_by_text.get(payload[start : payload.find(b'"', start)])
        else:
            table = self._tables.get(event_type)
        if table is None or len(payload) > MAX_PAYLOAD_BYTES:
            return None
        stated = attributes.get("schema_version")
        if stated is not None and stated not in table.known_versions:
            return self._lift_quickly(table, message, processed_at_us)
        quick = table.quick
        try:
            data = quick.decode(payload)
        except Refused:
            if table.earlier and stated is None:
                return self._lift_quickly(table, message, processed_at_us)
            return None
        lost_colons = 0
        if data.event_type is not UNSET:
            lost_colons = table.lost_colons
            data.event_type = UNSET
        elif event_type is None:
            return None
        event_id = data.event_id
        if event_id is not UNSET:
            lost_colons += 1 + event_id.count(":")
            data.event_id = UNSET
        version = data.schema_version
        if version is UNSET:
            version = table.schema_version
        else:
            lost_colons += 1
            data.schema_version = UNSET
        event_time = getattr(data, quick.event_time)
        try:
            event_time_us = parse_rfc3339_us(event_time)
        except ValueError:
            return None
        if len(event_time) != 27 or event_time[10] != "T" or event_time[26] != "Z":
            lost_colons += event_time.count(":") - 2  # an offset has one
            setattr(data, quick.event_time, format_rfc3339(event_time_us))
        columns = encode(data)
        # Each colon stands behind a key or inside a string: if none is lost, no key stood there twice.
        if columns.count(b":") + lost_colons != payload.count(b":"):
            return None
        if b"\\" in payload and b"\\u003" in payload:  # a colon in a string may be escaped
            return None
        if attributes:
            version = version if stated is None else table.known_versions[stated]
            event_id = attributes.get("event_id", event_id)
            if event_id is not UNSET and not 0 < len(event_id) <= MAX_EVENT_ID_CHARACTERS:
                return None
        if quick.normalize is not None:
            try:
                quick.normalize(data)
            except ValueError:
                return None
            columns = encode(data)
        if publish_time_us is not None and event_time_us - publish_time_us > self._max_future_us:
            return None
        if event_id is UNSET:
            event_id = derived_id(loads(payload))
        return self._event(message, table, event_id, version, columns, event_time_us, processed_at_us)

    def _lift_quickly(self, table: EventTable, message: RawMessage, processed_at_us: int) -> Event | None:
        """Return the event if it is of an earlier version, or None if that takes a closer look."""
        lifted = table.lift_quickly(message)
        if lifted is None:
            return None
        current, version = lifted
        event = self._read_quickly(current, processed_at_us)
        return None if event is None else replace(event, schema_version=version, message=message)

    @without_collection
    def _judge(self, message: RawMessage, processed_at_us: int) -> Event:
        """Return the event or raise a Rejected: the last word on a message, whatever it takes."""
        attributes = message.attributes
        table = self._tables.get(attributes.get("event_type", ""))
        try:
            data, faults = read_object(message.payload)
        except Rejected as refusal:
            refusal.event_type = table.event_type if table is not None else None
            raise
        fields = _taken_out(data)
        event_type = attributes.get("event_type", fields.get("event_type"))
        table = self._tables.get(event_type) if isinstance(event_type, str) else None
        if table is None:
            raise refusal_for(
                [*faults, unknown_type_fault(attributes, event_type, map(str, self._tables))], None
            )
        event_id = attributes.get("event_id", fields.get("event_id"))
        if event_id is not None and not is_event_id(event_id):
            faults.append(event_id_fault(attributes, event_id))
        version = schema_version(attributes, fields.get("schema_version"), table.schema_version)
        if version is None:
            faults.append(version_fault(attributes, fields.get("schema_version")))
        elif version > table.schema_version:
            fault = newer_version_fault(attributes, version, table.event_type, table.schema_version)
            raise refusal_for([*faults, fault], table.event_type)
        sent_as = table.of_version(version)
        if sent_as.has_event_type and "event_type" in fields:
            data["event_type"] = fields["event_type"]
        dropped = sent_as.validator.drop_unknown(data) if self._drops_unknown else 0
        event_time_us = _event_time_us(data.get(sent_as.event_time))
        publish_time_us = message.publish_time_us
        if (
            event_time_us is not None
            and publish_time_us is not None
            and event_time_us - publish_time_us > self._max_future_us
        ):
            faults.append(self._future_fault(sent_as, data[sent_as.event_time]))
        unread = {fault.error.path for fault in faults if fault.refusal is NumberOutOfRange}
        listed = (fault for fault in sent_as.validator.faults(data) if fault.error.path not in unread)
        faults += islice(listed, MAX_ERRORS)
        if version is not None and sent_as is not table and not faults:
            data, faults = table.lift(data, version)
            event_time_us = _event_time_us(data.get(table.event_time))
        if faults or version is None or event_time_us is None:
            raise refusal_for(faults, table.event_type)
        if event_id is None:  # not before: it takes longer than all else, and is in vain for a refused one
            event_id = derived_id(loads(message.payload))
        self.dropped_fields += dropped
        table.validator.normalize(data)
        return self._event(message, table, event_id, version, dumps(data), event_time_us, processed_at_us)

    def _event(
        self,
        message: RawMessage,
        table: EventTable,
        event_id: str,
        version: int,
        columns: bytes,
        event_time_us: int,
        processed_at_us: int,
    ) -> Event:
        publish_time_us = message.publish_time_us
        if publish_time_us is None:
            publish_time_us = event_time_us
        return Event(
            table.event_type,
            event_id,
            version,
            columns,
            event_time_us,
            publish_time_us,
            processed_at_us,
            publish_time_us - event_time_us > self._late_after_us,
            message,
        )

    def _future_fault(self, table: EventTable, text: str) -> Fault:
        seconds = self._max_future_us / 1_000_000
        message = f"{table.event_time} {shortened(text)} is more than {seconds:g} s after the publish time."
        error = ContractError(f"/{table.event_time}", "max_future_seconds", message)
        return Fault(EventTimeInFuture, error)


def _parser(contract: Contract, unknown_fields: Any, max_future: float, late_after: float) -> Parser:
    return Parser(
        contract, unknown_fields=unknown_fields, max_future_seconds=max_future, late_after_seconds=late_after
    )


def _taken_out(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data.pop(name) for name in FIELDS if name in data}


def _event_time_us(value: Any) -> int | None:
    try:
        return parse_rfc3339_us(value) if isinstance(value, str) else None
    except ValueError:
        return None
