"""Tables of bad input: what is sent, the reason, and path and rule of every error."""

from __future__ import annotations

from typing import Any

import orjson

from tests.contract.messages import good

Places = list[tuple[str, str]]

GOOD_ORDER = orjson.dumps(good())


def order_with(old: bytes, new: bytes) -> bytes:
    """Return a good order's payload with one part of its text replaced."""
    assert old in GOOD_ORDER
    return GOOD_ORDER.replace(old, new, 1)


def nested(levels: int) -> bytes:
    """Return an object that nests so deep."""
    return b'{"a":' * levels + b"1" + b"}" * levels


WHOLE = ""
PAYLOADS: dict[str, tuple[bytes, str, Places]] = {
    "not JSON": (b"hello", "malformed_json", [(WHOLE, "malformed_json")]),
    "cut off": (GOOD_ORDER[:-1], "malformed_json", [(WHOLE, "malformed_json")]),
    "text after the object": (GOOD_ORDER + b"x", "malformed_json", [(WHOLE, "malformed_json")]),
    "two objects": (GOOD_ORDER + b"\n" + GOOD_ORDER, "malformed_json", [(WHOLE, "malformed_json")]),
    "trailing comma": (GOOD_ORDER[:-1] + b",}", "malformed_json", [(WHOLE, "malformed_json")]),
    "single quotes": (b"{'a':1}", "malformed_json", [(WHOLE, "malformed_json")]),
    "control character": (b'{"a":"\x01"}', "malformed_json", [(WHOLE, "malformed_json")]),
    "NaN": (order_with(b"12.5", b"NaN"), "malformed_json", [(WHOLE, "malformed_json")]),
    "Infinity": (order_with(b"12.5", b"-Infinity"), "malformed_json", [(WHOLE, "malformed_json")]),
    "empty": (b"", "empty_payload", [(WHOLE, "empty_payload")]),
    "white space": (b" \r\n", "empty_payload", [(WHOLE, "empty_payload")]),
    "null": (b"null", "not_an_object", [(WHOLE, "not_an_object")]),
    "array": (b"[]", "not_an_object", [(WHOLE, "not_an_object")]),
    "string": (b'"order"', "not_an_object", [(WHOLE, "not_an_object")]),
    "Latin-1": (order_with("ö".encode(), b"\xf6"), "not_utf8", [(WHOLE, "not_utf8")]),
    "UTF-16": ("{}".encode("utf-16"), "not_utf8", [(WHOLE, "not_utf8")]),
    "encoded surrogate": (b'{"a":"\xed\xa0\x80"}', "not_utf8", [(WHOLE, "not_utf8")]),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD_ORDER, "not_utf8", [(WHOLE, "not_utf8")]),
    "over 10 MB": (
        orjson.dumps(good(order_id="x" * 10_000_000)),
        "payload_too_large",
        [(WHOLE, "payload_too_large")],
    ),
    "10 MB in one field": (
        orjson.dumps(good(order_id="x" * 9_999_000)),
        "invalid_value",
        [("/order_id", "maxLength")],
    ),
    "101 levels": (nested(101), "nesting_too_deep", [(WHOLE, "nesting_too_deep")]),
    "300 levels": (nested(300), "nesting_too_deep", [(WHOLE, "nesting_too_deep")]),
    "2,000 levels": (nested(2_000), "nesting_too_deep", [(WHOLE, "nesting_too_deep")]),
    "2,000 levels, never closed": (b"[" * 2_000, "nesting_too_deep", [(WHOLE, "nesting_too_deep")]),
    "equal keys": (
        order_with(b'"status"', b'"status":"pending","status"'),
        "duplicate_key",
        [("/status", "duplicate_key")],
    ),
    "equal keys, one of them escaped": (
        order_with(b'"status"', b'"st\\u0061tus":"pending","status"'),
        "duplicate_key",
        [("/status", "duplicate_key")],
    ),
    "equal keys, hidden by an escaped colon": (
        order_with(b'"order_id":"O1"', b'"order_id":"O1","order_id":"a\\u003ab"'),
        "duplicate_key",
        [("/order_id", "duplicate_key")],
    ),
    "equal keys, hidden by a number's spelling": (
        order_with(b'"total_amount":12.5', b'"total_amount":1,"total_amount":10E1'),
        "duplicate_key",
        [("/total_amount", "duplicate_key")],
    ),
    "equal keys in an element": (
        order_with(b'"quantity":2', b'"quantity":2, "quantity":2'),
        "duplicate_key",
        [("/items/0/quantity", "duplicate_key")],
    ),
    "lone high surrogate": (
        order_with(b'"O1"', b'"\\ud800"'),
        "lone_surrogate",
        [("/order_id", "lone_surrogate")],
    ),
    "lone low surrogate in a key": (
        order_with(b'"order_id"', b'"\\udc00"'),
        "lone_surrogate",
        [("/*", "lone_surrogate")],
    ),
    "1e400": (
        order_with(b"12.5", b"1e400"),
        "number_out_of_range",
        [("/total_amount", "number_out_of_range")],
    ),
    "5,000 digits": (
        order_with(b"12.5", b"9" * 5_000),
        "number_out_of_range",
        [("/total_amount", "number_out_of_range")],
    ),
    "2**63 in an integer column": (
        order_with(b'"quantity":2', b'"quantity":9223372036854775808'),
        "number_out_of_range",
        [("/items/0/quantity", "number_out_of_range")],
    ),
    "-2**63-1 in an integer column": (
        order_with(b'"quantity":2', b'"quantity":-9223372036854775809'),
        "number_out_of_range",
        [("/items/0/quantity", "number_out_of_range")],
    ),
    "2**63 in a double's column": (
        order_with(b"12.5", b"9223372036854775808"),
        "number_out_of_range",
        [("/total_amount", "number_out_of_range")],
    ),
    "2**64 in a double's column": (
        order_with(b"12.5", b"18446744073709551616"),
        "number_out_of_range",
        [("/total_amount", "number_out_of_range")],
    ),
    "21 digits that a double spells at the same length": (
        order_with(b"12.5", b"123456789012345670000"),
        "number_out_of_range",
        [("/total_amount", "number_out_of_range")],
    ),
    '"5" as a number': (order_with(b"12.5", b'"5"'), "wrong_type", [("/total_amount", "type")]),
    "true as a number": (order_with(b"12.5", b"true"), "wrong_type", [("/total_amount", "type")]),
    "true as an integer": (order_with(b":2,", b":true,"), "wrong_type", [("/items/0/quantity", "type")]),
    "1.0 as an integer": (order_with(b":2,", b":1.0,"), "wrong_type", [("/items/0/quantity", "type")]),
    "2e0 as an integer": (order_with(b":2,", b":2e0,"), "wrong_type", [("/items/0/quantity", "type")]),
}


EVENTS: dict[str, tuple[dict[str, Any], str, Places | None]] = {
    "null for a required field": ({"order_id": None}, "wrong_type", [("/order_id", "type")]),
    "number as a string": ({"order_id": 5}, "wrong_type", [("/order_id", "type")]),
    "object as an array": ({"items": {}}, "wrong_type", [("/items", "type")]),
    "null as an array": ({"items": None}, "wrong_type", [("/items", "type")]),
    "null as an element": ({"items": [None]}, "wrong_type", [("/items/0", "type")]),
    "array as an object": ({"shipping_address": []}, "wrong_type", [("/shipping_address", "type")]),
    "empty id": ({"order_id": ""}, "invalid_value", [("/order_id", "minLength")]),
    "id of 129 characters": ({"order_id": "ö" * 129}, "invalid_value", [("/order_id", "maxLength")]),
    "unknown status": ({"status": "lost"}, "invalid_value", [("/status", "enum")]),
    "negative amount": ({"total_amount": -0.01}, "invalid_value", [("/total_amount", "minimum")]),
    "no items": ({"items": []}, "invalid_value", [("/items", "minItems")]),
    "line end after the country": (
        {"shipping_address": {"city": "Köln", "country": "DE\n"}},
        "invalid_value",
        [("/shipping_address/country", "pattern")],
    ),
    "address without its city": (
        {"shipping_address": {"country": "DE"}},
        "missing_field",
        [("/shipping_address/city", "required")],
    ),
    "field of another event": ({"user_id": "U1"}, "unexpected_field", [("/user_id", "unexpected_field")]),
    "column of the pipeline": ({"is_late": False}, "unexpected_field", [("/is_late", "unexpected_field")]),
    "key with ~ and /": ({"a/b~c": 1}, "unexpected_field", [("/*", "unexpected_field")]),
    "key that may be a person's": ({"ann@example.com": 1}, "unexpected_field", [("/*", "unexpected_field")]),
    "empty key": ({"": 1}, "unexpected_field", [("/*", "unexpected_field")]),
    "space for the T": ({"order_date": "2024-01-01 00:00:00Z"}, "invalid_timestamp", None),
    "leap second": ({"order_date": "2016-12-31T23:59:60Z"}, "invalid_timestamp", None),
    "year 0000": ({"order_date": "0000-01-01T00:00:00Z"}, "invalid_timestamp", None),
    "before the year 0001 in UTC": ({"order_date": "0001-01-01T00:00:00+00:01"}, "invalid_timestamp", None),
    "after the year 9999 in UTC": ({"order_date": "9999-12-31T23:59:59-00:01"}, "invalid_timestamp", None),
    "30 February": ({"order_date": "2024-02-30T00:00:00Z"}, "invalid_timestamp", None),
    "no offset": ({"order_date": "2024-01-01T00:00:00"}, "invalid_timestamp", None),
    "no offset, with a fraction": ({"order_date": "2024-01-01T00:00:00.123"}, "invalid_timestamp", None),
    "Arabic digits": ({"order_date": "2024-01-01T00:00:0\u0663Z"}, "invalid_timestamp", None),
    "empty time": ({"order_date": ""}, "invalid_timestamp", None),
    "seconds since 1970": ({"order_date": 1714564800}, "wrong_type", [("/order_date", "type")]),
    "tomorrow": (
        {"order_date": "2024-05-02T12:00:00Z"},
        "event_time_in_future",
        [("/order_date", "max_future_seconds")],
    ),
}


ATTRIBUTES: dict[str, tuple[dict[str, str], str, Places]] = {
    "no type": ({}, "unknown_event_type", [("/event_type", "unknown_event_type")]),
    "unknown type": ({"event_type": "refund"}, "unknown_event_type", [("", "unknown_event_type")]),
    "empty type": ({"event_type": ""}, "unknown_event_type", [("", "unknown_event_type")]),
    "empty id": ({"event_type": "order", "event_id": ""}, "invalid_event_id", [("", "invalid_event_id")]),
    "id of 129 characters": (
        {"event_type": "order", "event_id": "x" * 129},
        "invalid_event_id",
        [("", "invalid_event_id")],
    ),
    "newer version": (
        {"event_type": "order", "schema_version": "2"},
        "unsupported_schema_version",
        [("", "unsupported_schema_version")],
    ),
    "version of 10,000 digits": (
        {"event_type": "order", "schema_version": "0" * 5_000 + "9" * 5_000},
        "unsupported_schema_version",
        [("", "unsupported_schema_version")],
    ),
    **{
        f"version {text!r}": (
            {"event_type": "order", "schema_version": text},
            "invalid_schema_version",
            [("", "invalid_schema_version")],
        )
        for text in ("", "0", "00", "-1", "+1", " 1", "1.0", "\u0661", "one")
    },
}


FIELDS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "type null": ({"event_type": None}, "unknown_event_type", "/event_type"),
    "type 5": ({"event_type": 5}, "unknown_event_type", "/event_type"),
    "type [order]": ({"event_type": ["order"]}, "unknown_event_type", "/event_type"),
    "id 5": ({"event_type": "order", "event_id": 5}, "invalid_event_id", "/event_id"),
    "id empty": ({"event_type": "order", "event_id": ""}, "invalid_event_id", "/event_id"),
    "version text": ({"event_type": "order", "schema_version": "1"}, "invalid_schema_version", None),
    "version true": ({"event_type": "order", "schema_version": True}, "invalid_schema_version", None),
    "version 1.0": ({"event_type": "order", "schema_version": 1.0}, "invalid_schema_version", None),
    "version 0": ({"event_type": "order", "schema_version": 0}, "invalid_schema_version", None),
    "version -3": ({"event_type": "order", "schema_version": -3}, "invalid_schema_version", None),
    "version 2": ({"event_type": "order", "schema_version": 2}, "unsupported_schema_version", None),
}
