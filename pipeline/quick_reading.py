"""The quick way to read an event: its JSON is decoded straight into a type made from the contract.

msgspec refuses, while it decodes, most of what the contract refuses; what it has no word for is checked
right after. It says yes or nothing: whatever it does not accept has to be read thoroughly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pipeline.contract import Column, Table
from pipeline.contract_rules import INT64_MAX, INT64_MIN
from pipeline.envelope import MAX_EVENT_ID_CHARACTERS
from pipeline.projections import EXACT_IN_A_DOUBLE, may_be_absent
from pipeline.rfc3339 import format_rfc3339, parse_rfc3339_us
from pipeline.validation import value_validator

_TYPES: dict[str, Any] = {
    "STRING": str,
    "BYTES": str,
    "INTEGER": int,
    "FLOAT": float,
    "BOOLEAN": bool,
    "TIMESTAMP": str,
}
_META = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
}

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""A decoded event as a JSON object: columns that were sent, in the contract's order."""

Refused = (msgspec.DecodeError, UnicodeDecodeError)
"""What a decoder raises."""


@dataclass(frozen=True, slots=True)
class QuickTable:
    """One event table, compiled."""

    decode: Callable[[bytes], Any]
    """A payload as an object, its own event_type, event_id and schema_version in attributes of that name,
    UNSET where they were not sent. Raises one of `Refused`. Passes equal keys, and timestamps unread."""
    event_time: str
    """The attribute that holds the event time's text."""
    normalize: Callable[[Any], None] | None
    """Rewrites all timestamps but the event time in UTC, or is None if there are none. Raises ValueError."""


def compile_table(table: Table) -> QuickTable:
    """Compile an event table; raises ContractFileError for a pattern that cannot be compiled."""
    envelope: list[tuple[str, Any, Any]] = []
    if all(column.name != "event_type" for column in table.columns):
        envelope.append(("event_type", Literal[table.event_type] | UnsetType, UNSET))
    versions = Meta(ge=table.versions[0], le=table.versions[-1])
    envelope += [
        (
            "event_id",
            Annotated[str, Meta(min_length=1, max_length=MAX_EVENT_ID_CHARACTERS)] | UnsetType,
            UNSET,
        ),
        ("schema_version", Annotated[int, versions] | UnsetType, UNSET),
    ]
    record = _Record(table.name, table.columns, envelope)
    event_time = next(name for name, column in record.sent.items() if column.name == table.event_time)
    others = [timestamp for timestamp in record.timestamps if timestamp.attribute != event_time]
    return QuickTable(
        msgspec.json.Decoder(record.type).decode,
        event_time,
        (lambda event: _normalize(event, others)) if others else None,
    )


class _Timestamp(NamedTuple):
    """An attribute with a timestamp in it, or with records that have one."""

    attribute: str
    inner: list[_Timestamp]


class _Record:
    """The type of a table or of a RECORD."""

    def __init__(self, table: str, columns: tuple[Column, ...], more: list[tuple[str, Any, Any]]) -> None:
        self.table = table
        # Attributes have names of their own: a column may be called `class`.
        self.sent = {f"column_{i}": column for i, column in enumerate(columns) if column.set_by is None}
        self.timestamps: list[_Timestamp] = []
        fields: list[Any] = []
        checks: list[tuple[Callable[[Any], Any], Callable[[Any], bool]]] = []
        for attribute, column in self.sent.items():
            type_ = self._type_of(attribute, column)
            fields.append(
                (attribute, type_ | UnsetType, UNSET) if may_be_absent(column) else (attribute, type_)
            )
            if not _is_said_by_its_type(column):
                checks.append((attrgetter(attribute), _check(table, column)))
        self.type: Any = msgspec.defstruct(
            table,
            [*fields, *more],
            namespace={"__post_init__": _checking(checks)} if checks else None,
            rename={attribute: column.name for attribute, column in self.sent.items()},
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,  # nothing in it can refer to it
        )

    def _type_of(self, attribute: str, column: Column) -> Any:
        inner: list[_Timestamp] = []
        if column.type == "RECORD":
            record = _Record(self.table, column.fields, [])
            type_, inner = record.type, record.timestamps
        else:
            type_ = _value_type(column)
        if column.type == "TIMESTAMP" or inner:
            self.timestamps.append(_Timestamp(attribute, inner))
        if column.mode == "REPEATED":
            bounds = {"min_length": column.check.get("minItems"), "max_length": column.check.get("maxItems")}
            return Annotated[list[type_], Meta(**bounds)]  # type: ignore[valid-type]
        return type_ | None if column.mode == "NULLABLE" else type_


def _value_type(column: Column) -> Any:
    """The type of one value; looser than the contract where `_is_said_by_its_type` is False."""
    type_ = _TYPES[column.type]
    if column.type == "STRING" and "enum" in column.check:
        return Literal[tuple(column.check["enum"])]
    bounds: dict[str, Any] = {}
    if column.type in ("INTEGER", "FLOAT"):
        least, most = (
            (INT64_MIN, INT64_MAX) if column.type == "INTEGER" else (-EXACT_IN_A_DOUBLE, EXACT_IN_A_DOUBLE)
        )
        bounds = {"ge": least, "le": most}
    for word, name in _META.items():
        limit = column.check.get(word)
        if limit is not None and _is_usable(limit, column.type):
            bounds[name] = limit
    if "gt" in bounds:
        del bounds["ge"]
    return Annotated[type_, Meta(**bounds)] if bounds else type_


def _is_usable(limit: Any, type_: str) -> bool:
    """Whether msgspec takes a bound, and it does not widen the one that is there."""
    if type_ == "FLOAT":
        return bool(abs(limit) <= EXACT_IN_A_DOUBLE)
    return type(limit) is int and INT64_MIN <= limit <= INT64_MAX


def _is_said_by_its_type(column: Column) -> bool:
    words = column.check.keys() - {"minItems", "maxItems"}
    if column.type == "BYTES":
        return False
    if column.type == "STRING" and words == {"enum"}:
        return True
    return {"minimum", "exclusiveMinimum"} - words != set() and all(
        word in _META and _is_usable(column.check[word], column.type) for word in words
    )


def _check(table: str, column: Column) -> Callable[[Any], bool]:
    """Whether what stands in a column keeps its check words; True of null and of nothing."""
    is_valid = value_validator(table, column).is_valid
    if column.mode == "REPEATED":
        return lambda values: values is UNSET or all(map(is_valid, values))
    if column.mode == "NULLABLE":
        return lambda value: value is None or value is UNSET or is_valid(value)
    return is_valid


def _checking(checks: list[tuple[Callable[[Any], Any], Callable[[Any], bool]]]) -> Callable[[Any], None]:
    def post_init(record: Any) -> None:
        for value_of, is_valid in checks:
            if not is_valid(value_of(record)):
                raise ValueError  # msgspec makes a ValidationError of it

    return post_init


def _normalize(record: Any, timestamps: list[_Timestamp]) -> None:
    for attribute, inner in timestamps:
        value = getattr(record, attribute)
        if value is None or value is UNSET:
            continue
        if inner:
            for each in value if type(value) is list else (value,):
                _normalize(each, inner)
        elif type(value) is list:
            setattr(record, attribute, [format_rfc3339(parse_rfc3339_us(each)) for each in value])
        else:
            setattr(record, attribute, format_rfc3339(parse_rfc3339_us(value)))
