"""An event table as the parser uses it: compiled, with the earlier versions whose events it lifts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from orjson import dumps, loads

from pipeline.contract import Table
from pipeline.elements import RawMessage
from pipeline.envelope import FIELDS, derived_id
from pipeline.errors import ContractError
from pipeline.json_text import MAX_ERRORS, Fault, has_no_equal_keys
from pipeline.migrations import migrate
from pipeline.quick_reading import QuickTable, Refused, compile_table
from pipeline.rfc3339 import parse_rfc3339_us
from pipeline.validation import TableValidator

_VERSION = re.compile(rb'"schema_version" ?: ?([0-9]{1,9})')


@dataclass(frozen=True, slots=True)
class EventTable:
    """What the parser needs of an event table, or of an earlier version of it."""

    event_type: str
    schema_version: int
    event_time: str
    quick: QuickTable
    validator: TableValidator
    known_versions: dict[str, int]
    """The schema versions with these columns, by their usual spelling."""
    lost_colons: int
    """Colons of a payload that are left out of its row's columns, if it says its event type."""
    has_event_type: bool
    """Whether a field event_type of the event is a column, and not what the message says of its type."""
    earlier: tuple[EventTable, ...]
    """Versions 1, 2, … whose events have other columns."""
    earlier_by_text: dict[str, EventTable]
    """The same by their usual spelling."""

    def of_version(self, version: int | None) -> EventTable:
        """Return what an event of `version` has to look like; for an invalid one, None, as now."""
        if version is None or version > len(self.earlier):
            return self
        return self.earlier[version - 1]

    def lift(self, data: dict[str, Any], version: int) -> tuple[dict[str, Any], list[Fault]]:
        """Return a valid event of an earlier version with the columns of now, and what is wrong with it then.

        It should be nothing: a row that breaks the contract would be worse than a dead letter. Such a fault
        has no place in the payload as it was sent.
        """
        lifted = migrate(self.event_type, data, version, len(self.earlier) + 1)
        return lifted, [
            Fault(
                refusal,
                ContractError("", error.rule, f"Lifted to version {self.schema_version}: {error.message}"),
            )
            for refusal, error in islice(self.validator.faults(lifted), MAX_ERRORS)
        ]

    def lift_quickly(self, message: RawMessage) -> tuple[RawMessage, int] | None:
        """Return a message of an earlier version as one of now, and its version.

        None if it is of none, or takes a closer look.
        """
        payload, attributes = message.payload, message.attributes
        stated = attributes.get("schema_version")
        earlier = self.earlier_by_text.get(_guessed_version(payload) if stated is None else stated)
        if earlier is None:
            return None
        try:
            read = earlier.quick.decode(payload)
            parse_rfc3339_us(getattr(read, earlier.quick.event_time))
            if earlier.quick.normalize is not None:
                earlier.quick.normalize(read)
            data = loads(payload)
        except (*Refused, ValueError):
            return None
        if not has_no_equal_keys(payload, data):
            return None
        # What the payload seems to say may stand deeper in it, and says nothing there.
        if stated is None and "schema_version" not in data:
            return None
        if "event_type" not in attributes and data.get("event_type") != self.event_type:
            return None
        event_id = attributes.get("event_id", data.get("event_id"))
        if event_id is None:
            event_id = derived_id(data)
        for name in FIELDS:
            if name in data and not (name == "event_type" and earlier.has_event_type):
                del data[name]
        lifted = dumps(migrate(self.event_type, data, earlier.schema_version, len(self.earlier) + 1))
        said = {"event_type": self.event_type, "event_id": event_id}
        return RawMessage(lifted, said, None, message.publish_time_us), earlier.schema_version


def _guessed_version(payload: bytes) -> str:
    """Return the schema version that the payload seems to say; decoding tells whether it is right."""
    said = _VERSION.search(payload)
    return "" if said is None else said[1].decode()


def event_table(table: Table) -> EventTable:
    """Compile an event table.

    Raises ContractFileError for a pattern that cannot be compiled, KeyError for a table that has no events.
    """
    if table.event_type is None or table.schema_version is None or table.event_time is None:
        raise KeyError(table.name)
    earlier = tuple(event_table(each) for each in table.earlier_versions)
    return EventTable(
        table.event_type,
        table.schema_version,
        table.event_time,
        compile_table(table),
        TableValidator(table),
        {str(version): version for version in table.versions},
        1 + table.event_type.count(":"),
        any(column.name == "event_type" for column in table.columns),
        earlier,
        {str(each.schema_version): each for each in earlier},
    )
