"""What an event with several faults is refused for."""

from __future__ import annotations

from pipeline.errors import (
    ContractError,
    DuplicateKey,
    EventTimeInFuture,
    InvalidEventId,
    InvalidSchemaVersion,
    InvalidTimestamp,
    InvalidValue,
    LoneSurrogate,
    MissingField,
    NumberOutOfRange,
    Rejected,
    UnexpectedField,
    UnknownEventType,
    UnsupportedSchemaVersion,
    WrongType,
)
from pipeline.json_text import MAX_ERRORS, Fault

PRECEDENCE: tuple[type[Rejected], ...] = (
    LoneSurrogate,
    DuplicateKey,
    NumberOutOfRange,
    UnknownEventType,
    InvalidEventId,
    InvalidSchemaVersion,
    UnsupportedSchemaVersion,
    MissingField,
    WrongType,
    InvalidTimestamp,
    InvalidValue,
    UnexpectedField,
    EventTimeInFuture,
)
"""An event with several faults is refused for the first of these; its errors come in this order too."""


def refusal_for(faults: list[Fault], event_type: str | None) -> Rejected:
    """Return the refusal for the gravest of `faults`, with the errors of all of them."""
    ordered = sorted(faults, key=lambda fault: PRECEDENCE.index(fault.refusal))
    errors = [fault.error for fault in ordered[:MAX_ERRORS]]
    if len(ordered) >= MAX_ERRORS:
        message = f"There may be more: the first {MAX_ERRORS:,} errors are listed."
        errors.append(ContractError("", "too_many_errors", message))
    return ordered[0].refusal(errors, event_type)
