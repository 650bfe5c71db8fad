"""A letter: a message that is still being written, so that a fault can get at its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.contract import Table


@dataclass(slots=True)
class Letter:
    """The parts of one message."""

    table: Table
    fields: dict[str, Any]
    """The event, its time included. Nested values are shared: replace, never change."""
    event_type: str
    event_id: str
    schema_version: int
    is_inside: bool
    """Whether type, id and version travel inside the JSON rather than as attributes."""
    publish_us: int

    def payload(self) -> bytes:
        """Return the JSON text."""
        if not self.is_inside:
            return orjson.dumps(self.fields)
        return orjson.dumps(
            {
                "event_type": self.event_type,
                "event_id": self.event_id,
                "schema_version": self.schema_version,
                **self.fields,
            }
        )

    def attributes(self) -> dict[str, str]:
        """Return the message's attributes."""
        if self.is_inside:
            # The field event_type of an earlier version is the event's own: it says nothing of the message.
            return {"event_type": self.event_type} if "event_type" in self.fields else {}
        return {
            "event_type": self.event_type,
            "event_id": self.event_id,
            "schema_version": str(self.schema_version),
        }
