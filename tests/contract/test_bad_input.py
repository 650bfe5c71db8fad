"""Bad payloads and messages: each is refused with one reason, and every error has its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline import errors
from pipeline.elements import RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser
from tests.contract.bad_input import ATTRIBUTES, EVENTS, FIELDS, GOOD_ORDER, PAYLOADS, nested, order_with
from tests.contract.messages import CONTRACT, good, message, refusal, row, verdict

_SINK_REASONS = {"bigquery_unavailable", "refused_by_bigquery", "row_too_large"}


@pytest.mark.parametrize("name", PAYLOADS)
def test_bad_payload_is_refused_with_its_reason_and_place(name: str) -> None:
    payload, reason, places = PAYLOADS[name]
    assert verdict(message(payload)) == (reason, places)


@pytest.mark.parametrize("name", EVENTS)
def test_bad_event_is_refused_with_its_reason_and_place(name: str) -> None:
    changes, reason, places = EVENTS[name]
    assert verdict(message(good(**changes))) == (reason, places or [("/order_date", "format")])


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_bad_attribute_is_refused_with_its_reason(name: str) -> None:
    attributes, reason, places = ATTRIBUTES[name]
    assert verdict(message(good(), attributes)) == (reason, places)


@pytest.mark.parametrize("name", FIELDS)
def test_bad_field_of_the_envelope_is_refused_with_its_reason(name: str) -> None:
    fields, reason, path = FIELDS[name]
    raw = message(good(**fields), attributes={})
    assert verdict(raw) == (reason, [(path or "/schema_version", reason)])


REQUIRED = [
    (event_type, column.name)
    for event_type in CONTRACT.event_types
    for column in CONTRACT.table_of(event_type).columns
    if column.set_by is None and (column.mode == "REQUIRED" or column.check.get("minItems"))
]


@pytest.mark.parametrize(("event_type", "name"), REQUIRED)
def test_every_required_field_is_missed(event_type: str, name: str) -> None:
    event = good(event_type)
    del event[name]
    raw = message(event, {"event_type": event_type, "event_id": "e1"})
    assert verdict(raw) == ("missing_field", [(f"/{name}", "required")])


def test_required_fields_are_those_of_the_design() -> None:
    assert [name for event_type, name in REQUIRED if event_type == "order"] == [
        "order_id",
        "customer_id",
        "order_date",
        "status",
        "total_amount",
        "items",
    ]


def test_depth_of_100_levels_is_not_too_deep() -> None:
    assert verdict(message(nested(100)))[0] == "missing_field"


def test_a_field_that_is_not_read_may_not_hide_a_fault_of_the_text() -> None:
    raw = message(GOOD_ORDER[:-1] + b',"event_id":18446744073709551616}')
    assert verdict(raw) == ("number_out_of_range", [("/event_id", "number_out_of_range")])
    raw = message(GOOD_ORDER[:-1] + b',"event_id":' + nested(100) + b"}")
    assert verdict(raw) == ("nesting_too_deep", [("", "nesting_too_deep")])


def test_all_errors_of_an_event_are_listed_the_gravest_first() -> None:
    event = good(
        total_amount="5",
        status="lost",
        order_date="yesterday",
        items=[{"quantity": 1.0, "unit_price": -1, "product_id": ""}, 7],
        shipping_address={"city": None, "country": "de"},
        is_late=True,
        surprise=1,
    )
    del event["customer_id"]
    assert verdict(message(event, {"event_type": "order", "event_id": "", "schema_version": "x"})) == (
        "invalid_event_id",
        [
            ("", "invalid_event_id"),
            ("", "invalid_schema_version"),
            ("/customer_id", "required"),
            ("/total_amount", "type"),
            ("/items/0/quantity", "type"),
            ("/items/1", "type"),
            ("/shipping_address/city", "type"),
            ("/order_date", "format"),
            ("/status", "enum"),
            ("/items/0/product_id", "minLength"),
            ("/items/0/unit_price", "minimum"),
            ("/shipping_address/country", "pattern"),
            ("/is_late", "unexpected_field"),
            ("/surprise", "unexpected_field"),
        ],
    )


def test_a_fault_of_the_text_does_not_hide_the_faults_of_the_event() -> None:
    payload = order_with(b'"status":"pending"', b'"status":"pending","status":"pending"')
    payload = payload.replace(b"12.5", b"-1")
    assert verdict(message(payload)) == (
        "duplicate_key",
        [("/status", "duplicate_key"), ("/total_amount", "minimum")],
    )


def test_an_event_in_the_future_lists_its_other_errors_too() -> None:
    raw = message(good(order_date="2024-05-01T12:05:05.000001Z", status="lost"))
    assert verdict(raw) == (
        "invalid_value",
        [("/status", "enum"), ("/order_date", "max_future_seconds")],
    )


def test_a_newer_version_is_not_judged_by_an_older_contract() -> None:
    raw = message({"anything": 1}, {"event_type": "order", "schema_version": "2"})
    assert verdict(raw) == ("unsupported_schema_version", [("", "unsupported_schema_version")])


def test_a_million_errors_are_listed_as_a_thousand_and_a_remark() -> None:
    refused = refusal(message(b'{"items":[' + b"1," * 1_000_000 + b"1]}"))
    assert refused.reason == "missing_field"
    assert len(refused.errors) == 1_001
    assert refused.errors[-1].rule == "too_many_errors"


def test_messages_quote_at_most_sixty_characters_of_a_value() -> None:
    event = good(order_id="x" * 5_000, status="y" * 5_000, order_date="z" * 5_000)
    event["k" * 5_000] = 1
    refused = refusal(message(event))
    assert len(refused.errors) == 4
    assert max(len(error.message) for error in refused.errors) < 220
    assert refused.errors[-1].path == "/*"


def test_a_path_is_cut_at_a_thousand_characters() -> None:
    names = [f"{chr(97 + number)}{'k' * 60}" for number in range(20)]
    payload = "".join(f'{{"{name}":' for name in names) + "1e400" + "}" * 20
    (error,) = refusal(message(payload.encode())).errors[:1]
    assert error.path == "".join(f"/{name}" for name in names)[:1_000]


def test_messages_say_what_a_producer_has_to_mend() -> None:
    event = good(total_amount="5", status="lost", order_date="2024-05-01", items=[])
    del event["order_id"]
    assert [error.message for error in refusal(message(event)).errors] == [
        "The event lacks order_id, which is required.",
        'total_amount must be a number, not a string: "5".',
        'order_date is not RFC 3339, such as 2024-05-01T12:00:00Z; it was "2024-05-01".',
        'status must be one of "pending", "processing", "shipped", "delivered", not "lost".',
        "items must have at least 1 element, not 0.",
    ]


def test_a_refusal_names_the_event_type_only_if_it_is_a_known_one() -> None:
    assert refusal(message(b"{", {"event_type": "inventory"})).event_type == "inventory"
    assert refusal(message(good(status="lost"))).event_type == "order"
    assert refusal(message(b"{", {"event_type": "refund"})).event_type is None
    assert refusal(message(b"{", {})).event_type is None


def test_neighbours_of_a_bad_message_are_unharmed() -> None:
    parser = Parser(CONTRACT)
    before = row(message(good()), parser)
    for payload, _, _ in PAYLOADS.values():
        refusal(message(payload), parser)
    assert row(message(good()), parser) == before


def _all_refusals() -> Iterator[type[Rejected]]:
    pending = list(Rejected.__subclasses__())
    while pending:
        refused = pending.pop()
        pending += refused.__subclasses__()
        yield refused


def test_every_reason_but_the_sinks_is_reached_by_these_tables() -> None:
    reached = {entry[1] for table in (PAYLOADS, EVENTS, ATTRIBUTES, FIELDS) for entry in table.values()} | {
        verdict(message(b"{}"))[0]
    }
    assert reached == {refused.reason for refused in _all_refusals()} - _SINK_REASONS


def test_every_reason_belongs_to_one_class() -> None:
    reasons = [refused.reason for refused in _all_refusals()]
    assert len(reasons) == len(set(reasons))
    assert {refused.__module__ for refused in _all_refusals()} == {errors.__name__}


def test_a_message_of_the_pull_api_without_anything_is_empty() -> None:
    assert verdict(RawMessage(b"", {}, None, None)) == ("empty_payload", [("", "empty_payload")])
