"""What travels between the steps: structs, times in microseconds since 1970-01-01 UTC.

They are msgspec's: made in a fifth of the time of a NamedTuple, read and pickled in half of it. None is ever
in a cycle, so the collector of garbage need not know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from orjson import dumps

from pipeline.errors import ContractError
from pipeline.rfc3339 import format_rfc3339

REPLAY_COUNT = "replay_count"
"""Attribute of a replayed message: how often it has been replayed."""
REPLAYED_STAGE = "replayed_stage"
"""Attribute of a message replayed after it was refused behind de-duplication: `stage:count`, the stage that
refused it and how often it has been replayed. Each value lets the event past de-duplication once."""


class ByteRange(NamedTuple):
    """The lines of a file that begin within [start, end)."""

    path: str
    start: int
    end: int


class RawMessage(Struct, frozen=True, gc=False):
    """A message as it was delivered: the seam between the readers and everything else."""

    payload: bytes
    attributes: Mapping[str, str]
    given_id: str | None
    """Pub/Sub's id, or None where a file does not say."""
    publish_time_us: int | None
    """When it entered Pub/Sub, or None where a file does not say."""
    read_from: ByteRange | None = None
    """What it was read from; None if it came from Pub/Sub."""
    place: int | None = None
    """Where it stands there, if it has no id: the offset of its line, or the number of its record."""

    @property
    def message_id(self) -> str | None:
        """Its id; that of a message without one is `path:place`, so that two equal lines stay two messages.

        Made when it is asked for, which of most messages in files it never is.
        """
        if self.given_id is None and self.read_from is not None and self.place is not None:
            return f"{self.read_from.path}:{self.place}"
        return self.given_id


class Event(Struct, frozen=True, gc=False):
    """A message that keeps the contract."""

    event_type: str
    event_id: str
    schema_version: int
    """What the producer sent."""
    columns: bytes
    """The producer's columns as a JSON object, timestamps as `YYYY-MM-DDTHH:MM:SS.ffffffZ`; a nullable one is
    null or absent, as it was sent."""
    event_time_us: int
    publish_time_us: int
    """When it entered Pub/Sub; the event time where the message does not say."""
    processed_at_us: int
    is_late: bool
    message: RawMessage
    """Where it came from, so that a later refusal still has the original bytes."""

    @property
    def row(self) -> bytes:
        """The table's row as a JSON object: the producer's columns, and the pipeline's."""
        ours = (
            f'"event_id":{dumps(self.event_id).decode()},"schema_version":{self.schema_version},'
            f'"is_late":{"true" if self.is_late else "false"},'
            f'"publish_time":"{format_rfc3339(self.publish_time_us)}",'
            f'"processed_at":"{_of_a_chunk(self.processed_at_us)}"}}'
        )
        return b"%b,%b" % (self.columns[:-1], ours.encode())


_of_a_chunk = lru_cache(maxsize=1)(format_rfc3339)
"""A chunk of messages is processed at one time."""


class DeadLetter(Struct, frozen=True, gc=False):
    """A message that was refused."""

    message: RawMessage
    stage: str
    """`parse`, `bigquery` or `bigquery_unavailable`."""
    reason: str
    errors: tuple[ContractError, ...]
    event_type: str | None
    failed_at_us: int
    counts_at_us: int | None = None
    """When the ledger counts it if its message has no publish time; None: when it failed."""
