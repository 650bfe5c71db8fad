"""What travels between the steps: plain tuples, times in microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

REPLAY_COUNT = "replay_count"
"""Attribute of a replayed message: how often it has been replayed."""
REPLAYED_STAGE = "replayed_stage"
"""Attribute of a message replayed after it was refused behind de-duplication: `stage:count`, the stage that
refused it and how often it has been replayed. Each value lets the event past de-duplication once."""


class RawMessage(NamedTuple):
    """A message as it was delivered: the seam between the readers and everything else."""

    payload: bytes
    attributes: Mapping[str, str]
    message_id: str | None
    """Pub/Sub's id, or None where a file does not say."""
    publish_time_us: int | None
    """When it entered Pub/Sub, or None where a file does not say."""
    file: str | None = None
    """The file it was read from; None if it came from Pub/Sub."""


class Event(NamedTuple):
    """A message that keeps the contract."""

    event_type: str
    event_id: str
    row: bytes
    """The table's row as a JSON object, timestamps as `YYYY-MM-DDTHH:MM:SS.ffffffZ`; a nullable column
    is null or absent, as it was sent."""
    event_time_us: int
    publish_time_us: int
    """When it entered Pub/Sub; the event time where the message does not say."""
    processed_at_us: int
    is_late: bool
    message: RawMessage
    """Where it came from, so that a later refusal still has the original bytes."""


class ContractError(NamedTuple):
    """One thing that is wrong with a message."""

    path: str
    """JSON Pointer to the offending value; empty for the whole message."""
    rule: str
    """The rule that was broken, such as `required`, `type`, `enum` or `minimum`."""
    message: str
    """A sentence for the producer's engineer."""


class DeadLetter(NamedTuple):
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
