"""What a message says of its event beside the event itself: type, id, schema version.

Each is an attribute of the message or, where that is absent, a field of its object; the fields are
taken out before the event is validated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.contract_rules import MAX_SCHEMA_VERSION
from pipeline.errors import (
    ContractError,
    InvalidEventId,
    InvalidSchemaVersion,
    Rejected,
    UnknownEventType,
    UnsupportedSchemaVersion,
)
from pipeline.json_text import Fault, canonical_json
from pipeline.wording import counted, is_name, kind_and_size, kind_of

FIELDS = ("event_type", "event_id", "schema_version")

MAX_EVENT_ID_CHARACTERS = 128
"""BigQuery's insert id holds no more."""

_BEYOND_ANY_CONTRACT = 10**18


def derived_id(payload: dict[str, Any]) -> str:
    """Return the id of an event that has none: its whole payload's hash, whatever order its keys have."""
    return hashlib.sha256(canonical_json(payload)).hexdigest()


def schema_version(attributes: Mapping[str, str], field: Any, current: int) -> int | None:
    """Return the version from 1 up, `current` if the message does not say, or None if it is invalid."""
    text = attributes.get("schema_version")
    if text is None:
        if field is None:
            return current
        return field if type(field) is int and field > 0 else None
    if not (text.isascii() and text.isdecimal()):
        return None
    # int() refuses thousands of digits, which an archived message may have.
    digits = text.lstrip("0")
    return min(int(digits[:19]), _BEYOND_ANY_CONTRACT) if digits else None


def unknown_type_fault(attributes: Mapping[str, str], given: Any, known: Iterable[str]) -> Fault:
    """Return the fault of an event type that is missing or not in the contract."""
    if given is None:
        said = " is missing"
    elif isinstance(given, str) and is_name(given):
        said = f' "{given}" is not in the contract'
    else:
        said = f", {kind_and_size(given)}, is not in the contract"
    message = f"The event_type{said}; send one of {', '.join(known)}."
    return _fault(UnknownEventType, attributes, "event_type", message)


def is_event_id(given: Any) -> bool:
    """Return whether a value can be an event id."""
    return isinstance(given, str) and 0 < len(given) <= MAX_EVENT_ID_CHARACTERS


def event_id_fault(attributes: Mapping[str, str], given: Any) -> Fault:
    """Return the fault of an event id that is no string, empty or too long."""
    was = f"{len(given):,}" if isinstance(given, str) else kind_of(given)
    message = f"The event_id must be a string of 1 to {MAX_EVENT_ID_CHARACTERS} characters, not {was}."
    return _fault(InvalidEventId, attributes, "event_id", message)


def version_fault(attributes: Mapping[str, str], field: Any) -> Fault:
    """Return the fault of a schema version that is not a whole number above 0."""
    value = attributes.get("schema_version", field)
    if type(value) is int:
        given = str(value) if _may_be_shown(value) else "an integer below 0"
    else:
        given = kind_and_size(value)
    demand = "digits only and above 0" if "schema_version" in attributes else "an integer above 0"
    message = f"The schema_version must be {demand}, not {given}."
    return _fault(InvalidSchemaVersion, attributes, "schema_version", message)


def newer_version_fault(attributes: Mapping[str, str], version: int, event_type: str, current: int) -> Fault:
    """Return the fault of a schema version that the contract does not know yet."""
    if _may_be_shown(version):
        given = f" {version}"
    else:
        digits = attributes.get("schema_version", str(version)).lstrip("0")
        given = f", a number of {counted(len(digits), 'digit')},"
    message = (
        f"The schema_version{given} is newer than the contract's {current} for {event_type}; "
        "deploy the newer contract, then replay."
    )
    return _fault(UnsupportedSchemaVersion, attributes, "schema_version", message)


def _may_be_shown(version: int) -> bool:
    # Beyond any contract's it is no version, and may be a card's or a telephone's number.
    return abs(version) <= MAX_SCHEMA_VERSION


def _fault(refusal: type[Rejected], attributes: Mapping[str, str], name: str, message: str) -> Fault:
    # An attribute has no place in the payload: its fault is the whole message's.
    return Fault(refusal, ContractError("" if name in attributes else f"/{name}", refusal.reason, message))
