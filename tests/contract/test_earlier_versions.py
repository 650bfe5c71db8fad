"""Events of earlier schema versions: judged as what they were written for, then lifted to what is now."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.contract import CONTRACT_PATH, load_contract
from pipeline.elements import RawMessage
from pipeline.migrations import migrate
from pipeline.parse import Parser
from pipeline.projections import json_schema
from pipeline.validation import TableValidator
from tests.contract.messages import (
    CONTRACT,
    GOOD_EARLIER,
    PARSER,
    PROCESSED_US,
    assert_alike,
    good,
    message,
    refusal,
    row,
    verdict,
)
from tests.contract.oracle import places_and_rules
from tests.contract.strategies import change, spelled, valid_event

TABLE = CONTRACT.table_of("user_activity")
EARLIER = {str(table.schema_version): table for table in TABLE.earlier_versions}
SCHEMAS = {version: json_schema(table) for version, table in EARLIER.items()}
CURRENT = TableValidator(TABLE)

FIRST, SECOND = GOOD_EARLIER["user_activity", 1], GOOD_EARLIER["user_activity", 2]
DETAILS = {"product_id": "p-1", "price": 3.5, "session_id": "s-1", "category": "mugs", "quantity": 2}
OF_VERSION = {"1": FIRST, "2": SECOND}


def sent(event: Any, version: str, **attributes: str) -> RawMessage:
    return message(
        event, {"event_type": "user_activity", "event_id": "e1", "schema_version": version, **attributes}
    )


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield json.dumps(value)


old_events = st.sampled_from(sorted(EARLIER)).flatmap(
    lambda version: st.tuples(st.just(version), valid_event(EARLIER[version]))
)


@given(old_events, spelled)
def test_every_valid_old_event_becomes_a_valid_row_of_its_version(
    made: tuple[str, dict[str, Any]], spell: Any
) -> None:
    version, event = made
    raw = replace(sent(spell(event), version), publish_time_us=None)
    parsed = orjson.loads(PARSER.parse(raw, PROCESSED_US).row)
    assert parsed["schema_version"] == int(version)
    ours = {column.name for column in TABLE.columns if column.set_by is not None}
    producers = {name: value for name, value in parsed.items() if name not in ours}
    assert list(CURRENT.faults(producers)) == []
    assert (producers["activity_type"], producers.get("user_id")) == (
        event["event_type"],
        event.get("user_id"),
    )


@given(old_events)
def test_nothing_that_was_sent_is_dropped_and_nothing_is_invented(made: tuple[str, dict[str, Any]]) -> None:
    version, event = made
    lifted = migrate("user_activity", event, int(version), 3)
    assert list(CURRENT.faults(lifted)) == []
    assert sorted(leaves(lifted)) == sorted(leaves(event))


@given(old_events)
def test_migrate_leaves_its_argument_and_answers_alike_each_time(made: tuple[str, dict[str, Any]]) -> None:
    version, event = made
    before = copy.deepcopy(event)
    first = migrate("user_activity", event, int(version), 3)
    assert event == before
    assert json.dumps(migrate("user_activity", event, int(version), 3)) == json.dumps(first)


@given(valid_event(EARLIER["1"]))
def test_to_version_3_at_once_and_by_version_2_is_the_same(event: dict[str, Any]) -> None:
    second = migrate("user_activity", event, 1, 2)
    assert list(TableValidator(EARLIER["2"]).faults(second)) == []
    assert migrate("user_activity", second, 2, 3) == migrate("user_activity", event, 1, 3)


@settings(max_examples=200)
@given(st.data(), old_events, spelled)
def test_faults_of_an_old_event_are_those_of_its_own_version_where_they_were_sent(
    data: st.DataObject, made: tuple[str, dict[str, Any]], spell: Any
) -> None:
    version, event = made
    event = data.draw(st.composite(change)(event))
    for name in ("event_id", "schema_version"):
        event.pop(name, None)
    raw = replace(sent(spell(event), version), publish_time_us=None)
    expected = places_and_rules(SCHEMAS[version], event)
    quick = PARSER._read_quickly(raw, PROCESSED_US)
    if expected:
        refused = refusal(raw)
        assert {(error.path, error.rule) for error in refused.errors} == expected
        assert quick is None
        return
    thorough = PARSER._judge(raw, PROCESSED_US)
    if quick is not None:
        assert_alike(quick, thorough)


@pytest.mark.parametrize("version", EARLIER)
@pytest.mark.parametrize("where", ["attributes", "payload"])
def test_an_old_event_is_read_quickly_wherever_it_says_its_version(version: str, where: str) -> None:
    raw = sent(OF_VERSION[version], version)
    if where == "payload":
        said = {"event_id": "e1", "schema_version": int(version)}
        raw = message({**said, **OF_VERSION[version]}, {"event_type": "user_activity"})
    quick = PARSER._read_quickly(raw, PROCESSED_US)
    assert quick is not None
    assert_alike(quick, PARSER._judge(raw, PROCESSED_US))


def test_rows_of_all_versions_have_the_columns_of_now() -> None:
    second = row(sent(SECOND, "2"))
    assert second["activity_type"] == "view_product"
    assert second["timestamp"] == "2024-05-01T12:00:00.000000Z"
    assert second["metadata"] == {**DETAILS, "user_segment": "new"}
    assert second["schema_version"] == 2
    assert row(sent(FIRST, "1")) == {
        **second,
        "metadata": {"product_id": "p-1", "price": 3.5},
        "schema_version": 1,
    }


def test_an_old_event_without_details_has_no_record_of_them() -> None:
    bare = {"event_type": "login", "event_time": "2024-05-01T12:00:00Z"}
    assert "metadata" not in row(sent(bare, "1"))
    assert row(sent({**bare, "price": None}, "1"))["metadata"] == {"price": None}


@pytest.mark.parametrize(
    ("version", "event", "reason", "places"),
    [
        ("1", {**FIRST, "session_id": "s"}, "unexpected_field", [("/session_id", "unexpected_field")]),
        ("1", {**FIRST, "event_type": "purchase"}, "invalid_value", [("/event_type", "enum")]),
        ("2", {**SECOND, "event_time": "yesterday"}, "invalid_timestamp", [("/event_time", "format")]),
        ("2", {**SECOND, "quantity": "2"}, "wrong_type", [("/quantity", "type")]),
        (
            "1",
            good("user_activity"),
            "missing_field",
            [
                *[("/event_type", "required"), ("/event_time", "required")],
                *[(f"/{name}", "unexpected_field") for name in ("activity_type", "timestamp", "metadata")],
            ],
        ),
        (
            "3",
            FIRST,
            "missing_field",
            [
                *[("/activity_type", "required"), ("/timestamp", "required")],
                *[(f"/{name}", "unexpected_field") for name in ("product_id", "price", "event_time")],
            ],
        ),
    ],
    ids=["field of 2 in 1", "word", "time", "type", "shape of 3 in 1", "shape of 1 in 3"],
)
def test_a_fault_of_an_old_event_is_told_at_its_place(
    version: str, event: dict[str, Any], reason: str, places: list[tuple[str, str]]
) -> None:
    assert verdict(sent(event, version)) == (reason, places)


def test_an_old_event_time_may_not_lie_in_the_future_either() -> None:
    refused = refusal(sent({**FIRST, "event_time": "2024-05-02T12:00:00Z"}, "1"))
    assert (refused.reason, refused.errors[0].path) == ("event_time_in_future", "/event_time")


def test_a_key_twice_is_found_in_an_old_event() -> None:
    payload = orjson.dumps(FIRST)[:-1] + b',"price":3.5}'
    assert verdict(sent(payload, "1")) == ("duplicate_key", [("/price", "duplicate_key")])


def test_without_the_attribute_the_field_says_the_type_as_ever() -> None:
    inside = {"event_id": "e1", "schema_version": 1, **FIRST}
    assert verdict(message(inside, {}))[0] == "unknown_event_type"
    named = {**inside, "event_type": "user_activity"}
    assert verdict(message(named, {})) == ("invalid_value", [("/event_type", "enum")])


@pytest.mark.parametrize("stated", ["", "0", "x"])
def test_an_attribute_that_is_no_version_wins_over_a_field_that_is_one(stated: str) -> None:
    assert verdict(sent({**FIRST, "schema_version": 1}, stated))[0] == "invalid_schema_version"


def test_a_version_that_stands_deeper_in_the_payload_is_not_the_events_own() -> None:
    event = good(
        "user_activity", metadata={"session_id": '"schema_version":1', "price": 1.5, "schema_version": 1}
    )
    raw = message(event, {"event_type": "user_activity", "event_id": "e1"})
    assert verdict(raw) == ("unexpected_field", [("/metadata/schema_version", "unexpected_field")])


def test_a_derived_id_is_that_of_the_payload_as_it_was_sent() -> None:
    for said in ({**FIRST, "event_id": None}, FIRST, dict(reversed(FIRST.items()))):
        raw = message(said, {"event_type": "user_activity", "schema_version": "1"})
        assert row(raw)["event_id"] == hashlib.sha256(rfc8785.dumps(said)).hexdigest()


def test_fields_that_a_version_did_not_know_are_dropped_and_counted_on_request() -> None:
    parser = Parser(CONTRACT, unknown_fields="drop")
    assert row(sent({**FIRST, "session_id": "s", "metadata": {}}, "1"), parser) == row(sent(FIRST, "1"))
    assert parser.dropped_fields == 2


def test_a_lifted_event_that_the_contract_of_now_refuses_is_a_dead_letter_and_no_row(tmp_path: Path) -> None:
    content = json.loads(CONTRACT_PATH.read_bytes())
    metadata = content["tables"]["user_activity"]["columns"][3]
    (price,) = (field for field in metadata["fields"] if field["name"] == "price")
    price["check"] = {"minimum": 0}
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    parser = Parser(load_contract(path))
    assert row(sent(FIRST, "1"), parser) == row(sent(FIRST, "1"))
    refused = refusal(sent({**FIRST, "price": -1}, "1"), parser)
    assert refused.reason == "invalid_value"
    assert [tuple(error) for error in refused.errors] == [
        ("", "minimum", "Lifted to version 3: price must be at least 0, not an integer.")
    ]
