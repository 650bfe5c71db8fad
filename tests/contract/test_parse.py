"""What an accepted message becomes: its row, its id, its times."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import orjson
import pytest
import rfc8785

from pipeline.contract import CONTRACT_PATH, load_contract
from pipeline.elements import RawMessage
from pipeline.parse import Parser
from tests.contract.messages import (
    CONTRACT,
    GOOD,
    PARSER,
    PROCESSED_US,
    PUBLISHED_US,
    good,
    message,
    row,
    verdict,
)


def test_row_holds_the_event_and_the_columns_of_the_pipeline() -> None:
    event = PARSER.parse(message(good(order_date="2024-05-01T14:00:00.1234567+02:00")), PROCESSED_US)
    assert orjson.loads(event.row) == {
        **GOOD["order"],
        "order_date": "2024-05-01T12:00:00.123456Z",
        "event_id": "e1",
        "schema_version": 1,
        "is_late": False,
        "publish_time": "2024-05-01T12:00:05.000000Z",
        "processed_at": "2024-05-01T12:00:05.000005Z",
    }
    assert event.event_type == "order"
    assert event.event_time_us == PUBLISHED_US - 5_000_000 + 123_456
    assert event.publish_time_us == PUBLISHED_US
    assert event.processed_at_us == PROCESSED_US


@pytest.mark.parametrize("event_type", GOOD)
def test_every_event_type_is_accepted(event_type: str) -> None:
    parsed = row(message(good(event_type), {"event_type": event_type, "event_id": "e1"}))
    declared = {column.name for column in CONTRACT.table_of(event_type).columns}
    assert parsed.keys() == declared


def test_the_message_stays_with_its_event() -> None:
    raw = message(good())
    assert PARSER.parse(raw, PROCESSED_US).message is raw


def test_null_and_absent_nullable_columns_are_kept_as_sent() -> None:
    absent = good(shipping_address={"city": "Köln", "country": "DE"})
    null = good(shipping_address={"city": "Köln", "country": "DE", "street": None})
    assert row(message(absent))["shipping_address"] == {"city": "Köln", "country": "DE"}
    assert row(message(null))["shipping_address"] == {"city": "Köln", "country": "DE", "street": None}


def test_strings_are_stored_verbatim() -> None:
    text = ' \u00e9e\u0301 "\\/\b\f\n\r\t\u0000\u2028\u007f:😀 '
    assert row(message(good(order_id=text)))["order_id"] == text


def test_largest_and_smallest_integers_are_stored_exactly() -> None:
    for number in (2**63 - 1, -(2**63)):
        raw = message(
            good("inventory", quantity_change=number), {"event_type": "inventory", "event_id": "e1"}
        )
        assert row(raw)["quantity_change"] == number


@pytest.mark.parametrize("text", ["1e300", "1.7976931348623157e308", "9223372036854775807", "1E19", "1e-400"])
def test_doubles_keep_their_value_however_they_are_spelled(text: str) -> None:
    payload = orjson.dumps(good()).replace(b"12.5", text.encode())
    stored = row(message(payload))["total_amount"]
    assert (type(stored), stored) == (float, float(text))


@pytest.mark.parametrize(
    "payload",
    [
        orjson.dumps(good(), option=orjson.OPT_INDENT_2),
        b"\n" + orjson.dumps(good()) + b" ",
        orjson.dumps(good()).replace(b"pending", b"p\\u0065nding"),
        orjson.dumps(good(order_id="a:b")).replace(b"a:b", b"a\\u003ab"),
        orjson.dumps(good()).replace(b"12.5", b"125E-1"),
    ],
    ids=["indented", "white space around", "escape", "escaped colon", "number"],
)
def test_spelling_of_the_json_does_not_matter(payload: bytes) -> None:
    expected = row(message(good()))
    assert row(message(payload)) == {**expected, "order_id": row(message(payload))["order_id"]}


def test_attributes_win_over_fields_even_when_empty() -> None:
    event = good(event_type="inventory", event_id="field", schema_version=99)
    parsed = row(message(event, {"event_type": "order", "event_id": "attribute", "schema_version": "1"}))
    assert (parsed["event_id"], parsed["schema_version"]) == ("attribute", 1)
    event = good(event_type="order", event_id="field")
    assert verdict(message(event, {"event_type": ""}))[0] == "unknown_event_type"
    assert verdict(message(event, {"event_id": ""}))[0] == "invalid_event_id"
    assert verdict(message(event, {"schema_version": ""}))[0] == "invalid_schema_version"


@pytest.mark.parametrize("lost", [None, 7, True, [1], {"a": {}}, 1.5, "x" * 1_000, ""])
def test_a_field_that_lost_to_its_attribute_is_not_read(lost: object) -> None:
    event = good(event_type=lost, event_id=lost, schema_version=lost)
    attributes = {"event_type": "order", "event_id": "e1", "schema_version": "1"}
    assert row(message(event, attributes)) == row(message(good()))


def test_fields_serve_where_attributes_are_absent() -> None:
    event = good("user_activity", event_type="user_activity", event_id="a:b", schema_version=3)
    parsed = row(message(event, {}))
    assert (parsed["event_id"], parsed["schema_version"]) == ("a:b", 3)
    assert "event_type" not in parsed


def test_missing_schema_version_means_the_contracts_own() -> None:
    assert row(message(good(schema_version=None)))["schema_version"] == 1
    activity = message(good("user_activity"), {"event_type": "user_activity"})
    assert row(activity)["schema_version"] == 3


def test_versions_without_a_shape_of_their_own_share_the_columns(tmp_path: Path) -> None:
    content = json.loads(CONTRACT_PATH.read_bytes())
    content["tables"]["orders"]["schema_version"] = 3
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    parser = Parser(load_contract(path))
    for version in ("1", "002", "3"):
        raw = message(good(), {"event_type": "order", "event_id": "e1", "schema_version": version})
        assert row(raw, parser) == {**row(message(good())), "schema_version": int(version)}


def test_event_id_may_have_128_characters() -> None:
    assert row(message(good(), {"event_type": "order", "event_id": "ö" * 128}))["event_id"] == "ö" * 128


def test_missing_event_id_is_the_hash_of_the_whole_payload_in_canonical_json() -> None:
    event = good(event_type="order", event_id=None, total_amount=1e21)
    expected = hashlib.sha256(rfc8785.dumps(event)).hexdigest()
    assert row(message(event, {}))["event_id"] == expected


def test_derived_id_does_not_depend_on_spelling() -> None:
    event = good(event_type="order", total_amount=10.0)
    turned = dict(reversed(event.items()))
    spaced = orjson.dumps(turned, option=orjson.OPT_INDENT_2).replace(b"10.0", b"1e1")
    assert row(message(event, {}))["event_id"] == row(message(spaced, {}))["event_id"]


def test_derived_id_tells_large_integers_apart() -> None:
    ids = {
        row(message(good("inventory", quantity_change=number), {"event_type": "inventory"}))["event_id"]
        for number in (2**60, 2**60 + 1, 2**60 + 2)
    }
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("published", "is_late"),
    [("2024-05-01T12:05:00Z", False), ("2024-05-01T12:05:00.000001Z", True), ("2030-01-01T00:00:00Z", True)],
)
def test_an_event_is_late_beyond_late_after_seconds(published: str, is_late: bool) -> None:
    published_us = (
        Parser(CONTRACT).parse(message(good(order_date=published), published_us=None), 0).event_time_us
    )
    assert row(message(good(), published_us=published_us))["is_late"] is is_late


def test_an_event_time_may_be_max_future_seconds_ahead_and_no_more() -> None:
    assert row(message(good(order_date="2024-05-01T12:05:05Z")))["is_late"] is False
    assert verdict(message(good(order_date="2024-05-01T12:05:05.000001Z")))[0] == "event_time_in_future"


def test_limits_of_time_are_the_parsers_arguments() -> None:
    parser = Parser(CONTRACT, max_future_seconds=1, late_after_seconds=4.5)
    assert row(message(good()), parser)["is_late"] is True
    assert verdict(message(good(order_date="2024-05-01T12:00:06.5Z")), parser)[0] == "event_time_in_future"


def test_without_a_publish_time_the_event_time_stands_in_and_no_limit_applies() -> None:
    for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"):
        event = PARSER.parse(message(good(order_date=text), published_us=None), PROCESSED_US)
        parsed = orjson.loads(event.row)
        assert event.publish_time_us == event.event_time_us
        assert parsed["publish_time"] == parsed["order_date"]
        assert event.is_late is False


def test_unknown_fields_are_dropped_and_counted_on_request() -> None:
    parser = Parser(CONTRACT, unknown_fields="drop")
    event = good(surprise={"a": [1]}, is_late=True, processed_at="never")
    event["items"][0]["colour"] = "red"
    event["shipping_address"]["floor"] = 3
    assert row(message(event), parser) == row(message(good()))
    assert parser.dropped_fields == 5
    row(message(good()), parser)
    assert parser.dropped_fields == 5


def test_dropping_fields_hides_no_other_fault() -> None:
    parser = Parser(CONTRACT, unknown_fields="drop")
    assert verdict(message(good(surprise=1, status="lost")), parser) == (
        "invalid_value",
        [("/status", "enum")],
    )
    assert verdict(message(good(surprise=2**63)), parser)[0] == "number_out_of_range"
    payload = orjson.dumps(good())[:-1] + b',"surprise":1,"surprise":1}'
    assert verdict(message(payload), parser)[0] == "duplicate_key"
    assert parser.dropped_fields == 0


def test_parser_survives_pickling_with_its_arguments() -> None:
    parser = pickle.loads(pickle.dumps(Parser(CONTRACT, unknown_fields="drop", late_after_seconds=1)))
    assert row(message(good(surprise=1)), parser)["is_late"] is True
    assert parser.dropped_fields == 1


def test_an_order_with_many_items_is_not_too_deep() -> None:
    items = [{"product_id": f"[{{{n}", "quantity": 1, "unit_price": 1} for n in range(500)]
    assert len(row(message(good(items=items)))["items"]) == 500
    assert verdict(
        RawMessage(orjson.dumps(good(items=[*items, {}])), {"event_type": "order"}, None, None)
    ) == (
        "missing_field",
        [(f"/items/500/{name}", "required") for name in ("product_id", "quantity", "unit_price")],
    )
