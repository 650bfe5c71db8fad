"""Faults: the ways in which producers get an event wrong, and the reason the pipeline gives for each.

A fault takes a letter, changes what it likes and returns the broken payload. `reason` is the word
of the dead letter (`Rejected.reason`) that must come of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from generator.chance import between, pick
from generator.instants import SECOND_US, TimestampText
from generator.letter import Letter
from pipeline import errors
from pipeline.contract import Column, Table

_MARK = "\x1a"
"""Stands in for bytes that no JSON writer would produce; a shop never sends it."""
_MARK_BYTES = b'"\\u001a"'


class Fault(NamedTuple):
    """One way to break a letter."""

    name: str
    reason: str
    break_letter: Callable[[Letter, Random], bytes]


# The payload cannot be read as one JSON object.


def _empty_payload(letter: Letter, rng: Random) -> bytes:
    letter.is_inside = False  # Pub/Sub takes no message without both data and attributes
    return b""


def _not_json(letter: Letter, rng: Random) -> bytes:
    return pick(
        rng, (b"<html><body>502 Bad Gateway</body></html>", b"order;4711;shipped", b"{'status': 'shipped'}")
    )


def _truncated(letter: Letter, rng: Random) -> bytes:
    payload = letter.payload()
    cut = int(between(rng, 1, len(payload)))
    while payload[cut] & 0xC0 == 0x80:  # not inside a character: that would be another fault
        cut -= 1
    return payload[:cut]


def _invalid_utf8(letter: Letter, rng: Random) -> bytes:
    return _in_place_of_a_value(letter, rng, b'"M\xfcnchen"')  # Latin-1


def _byte_order_mark(letter: Letter, rng: Random) -> bytes:
    return b"\xef\xbb\xbf" + letter.payload()


def _nan(letter: Letter, rng: Random) -> bytes:
    return _in_place_of_a_value(letter, rng, b"NaN")


def _huge_number(letter: Letter, rng: Random) -> bytes:
    return _in_place_of_a_value(letter, rng, pick(rng, (b"1e999", b"18446744073709551616")))


def _lone_surrogate(letter: Letter, rng: Random) -> bytes:
    return _in_place_of_a_value(letter, rng, b'"\\ud83d"')


def _too_deep(letter: Letter, rng: Random) -> bytes:
    return _in_place_of_a_value(letter, rng, b"[" * 200 + b"]" * 200)


def _not_an_object(letter: Letter, rng: Random) -> bytes:
    return b"[" + letter.payload() + b"]"


def _duplicate_key(letter: Letter, rng: Random) -> bytes:
    return b'{"' + pick(rng, _required(letter.table)).name.encode() + b'":"first",' + letter.payload()[1:]


def _in_place_of_a_value(letter: Letter, rng: Random, value: bytes) -> bytes:
    letter.fields[pick(rng, _required(letter.table)).name] = _MARK
    return letter.payload().replace(_MARK_BYTES, value, 1)


# The object does not say well what it is.


def _unknown_event_type(letter: Letter, rng: Random) -> bytes:
    letter.event_type = pick(rng, ("", f"{letter.event_type}_v2", letter.event_type.upper()))
    return letter.payload()


def _empty_event_id(letter: Letter, rng: Random) -> bytes:
    letter.event_id = ""
    return letter.payload()


def _newer_schema_version(letter: Letter, rng: Random) -> bytes:
    letter.schema_version += 1
    return letter.payload()


# The event breaks its table's contract.


def _missing_field(letter: Letter, rng: Random) -> bytes:
    del letter.fields[pick(rng, _required(letter.table)).name]
    return letter.payload()


def _wrong_type(letter: Letter, rng: Random) -> bytes:
    column = pick(rng, [column for column in _required(letter.table) if column.type != "TIMESTAMP"])
    letter.fields[column.name] = 5 if column.type == "STRING" else "five"
    return letter.payload()


def _unknown_word(letter: Letter, rng: Random) -> bytes:
    letter.fields[pick(rng, _with_enum(letter.table)).name] = "banana"
    return letter.payload()


def _empty_list(letter: Letter, rng: Random) -> bytes:
    letter.fields[pick(rng, _never_empty(letter.table)).name] = []
    return letter.payload()


def _unexpected_field(letter: Letter, rng: Random) -> bytes:
    letter.fields["coupon_code"] = "SPRING"
    return letter.payload()


def _bad_timestamp(letter: Letter, rng: Random) -> bytes:
    wrong = ("yesterday", "2025-02-30T12:00:00Z", "2025-01-06 09:00:00", "2025-01-06T09:00:00", "06/01/2025")
    letter.fields[str(letter.table.event_time)] = pick(rng, wrong)
    return letter.payload()


def _future_event_time(letter: Letter, rng: Random) -> bytes:
    ahead_us = int(between(rng, 3_600, 86_400) * SECOND_US)
    letter.fields[str(letter.table.event_time)] = TimestampText().of(letter.publish_us + ahead_us)
    return letter.payload()


def _required(table: Table) -> list[Column]:
    """Return the columns a producer must send."""
    return [column for column in table.columns if column.set_by is None and _is_required(column)]


def _is_required(column: Column) -> bool:
    return column.mode == "REQUIRED" or column.check.get("minItems", 0) > 0


def _with_enum(table: Table) -> list[Column]:
    return [column for column in _required(table) if "enum" in column.check]


def _never_empty(table: Table) -> list[Column]:
    return [column for column in _required(table) if column.mode == "REPEATED"]


_EVERYWHERE = (
    Fault("empty_payload", errors.EmptyPayload.reason, _empty_payload),
    Fault("not_json", errors.MalformedJson.reason, _not_json),
    Fault("truncated", errors.MalformedJson.reason, _truncated),
    Fault("invalid_utf8", errors.NotUtf8.reason, _invalid_utf8),
    Fault("byte_order_mark", errors.NotUtf8.reason, _byte_order_mark),
    Fault("nan", errors.MalformedJson.reason, _nan),
    Fault("huge_number", errors.NumberOutOfRange.reason, _huge_number),
    Fault("lone_surrogate", errors.LoneSurrogate.reason, _lone_surrogate),
    Fault("too_deep", errors.NestingTooDeep.reason, _too_deep),
    Fault("not_an_object", errors.NotAnObject.reason, _not_an_object),
    Fault("duplicate_key", errors.DuplicateKey.reason, _duplicate_key),
    Fault("unknown_event_type", errors.UnknownEventType.reason, _unknown_event_type),
    Fault("empty_event_id", errors.InvalidEventId.reason, _empty_event_id),
    Fault("newer_schema_version", errors.UnsupportedSchemaVersion.reason, _newer_schema_version),
    Fault("bad_timestamp", errors.InvalidTimestamp.reason, _bad_timestamp),
    Fault("future_event_time", errors.EventTimeInFuture.reason, _future_event_time),
)
_MISSING_FIELD = Fault("missing_field", errors.MissingField.reason, _missing_field)
_WRONG_TYPE = Fault("wrong_type", errors.WrongType.reason, _wrong_type)
_UNKNOWN_WORD = Fault("unknown_word", errors.InvalidValue.reason, _unknown_word)
_EMPTY_LIST = Fault("empty_list", errors.InvalidValue.reason, _empty_list)
_UNEXPECTED_FIELD = Fault("unexpected_field", errors.UnexpectedField.reason, _unexpected_field)

ALL_FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (*_EVERYWHERE, _MISSING_FIELD, _WRONG_TYPE, _UNKNOWN_WORD, _EMPTY_LIST, _UNEXPECTED_FIELD)
}


def release_faults(table: Table) -> tuple[Fault, ...]:
    """Return what a bad release does to a table's events: it writes JSON, but not the contract's."""
    faults = [_MISSING_FIELD, _WRONG_TYPE, _UNEXPECTED_FIELD]
    if _with_enum(table):
        faults.append(_UNKNOWN_WORD)
    if _never_empty(table):
        faults.append(_EMPTY_LIST)
    return tuple(faults)


def applicable_faults(table: Table) -> tuple[Fault, ...]:
    """Return every fault that an event of `table` can have."""
    return (*_EVERYWHERE, *release_faults(table))
