"""What is personal is in payloads and tables alone: no message, attribute, log or report shows a canary."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.bigquery_refusals import dead_letter, without_values
from pipeline.bigquery_rows import RowError
from pipeline.contract import CONTRACT_PATH, Contract, load_contract
from pipeline.contract_rules import CHECK_WORDS
from pipeline.elements import DeadLetter, RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser
from pipeline.replay.letters import letter_of_message
from pipeline.replay.prepare import REPAIR_FAILED, Left
from pipeline.replay.repair import RepairFailed, repair
from pipeline.replay.report import Groups
from pipeline.replay.rules import Rule, Step
from pipeline.transforms.dead_letters import ORIGINAL_PREFIX, dead_letter_message, dead_letter_row
from tests.contract.messages import CONTRACT, PROCESSED_US, PUBLISHED_US, good, message, refusal
from tests.privacy.canaries import TEXT, TRACES, Canary, accepted, personal_columns, refused


def traces_in(text: str) -> list[str]:
    return [trace for trace in TRACES if trace in text]


def told_of(letter: DeadLetter) -> Iterator[str]:
    """Everything that is said of a dead letter beside its payload and the producer's own attributes."""
    columns = orjson.loads(dead_letter_row(letter, None).json)
    yield json.dumps(
        {name: value for name, value in columns.items() if name not in ("payload", "attributes")}
    )
    sent = dead_letter_message(letter, None)
    assert sent.data == letter.message.payload
    own = {name: value for name, value in sent.attributes.items() if not name.startswith(ORIGINAL_PREFIX)}
    yield from (f"{name}={value}" for name, value in own.items())
    groups = Groups(show_payloads=False)
    groups.add(Left(letter_of_message(sent.data, sent.attributes), REPAIR_FAILED, ""))
    yield from groups.lines()
    yield f"{letter.reason}: {letter.errors[0].message}"  # as an exception's text, in a log


def message_of(canary: Canary) -> RawMessage:
    return RawMessage(canary.payload, canary.attributes, "m1", PUBLISHED_US)


def letter_of(canary: Canary, parser: Parser) -> DeadLetter:
    try:
        event = parser.parse(message_of(canary), PROCESSED_US)
    except Rejected as refusal:
        return DeadLetter(
            message_of(canary), "parse", refusal.reason, refusal.errors, refusal.event_type, PROCESSED_US
        )
    raise AssertionError(f"accepted: {event.row!r}")


def leaks(contract: Contract, canaries: Iterable[Canary]) -> list[str]:
    parser = Parser(contract)
    return [
        f"{canary.name}: {said}"
        for canary in canaries
        for said in told_of(letter_of(canary, parser))
        if traces_in(said)
    ]


def test_no_refusal_tells_a_canary_of_a_personal_column(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = list(refused(CONTRACT))
    assert len(canaries) > 25 * len(personal_columns(CONTRACT))
    assert leaks(CONTRACT, canaries) == []
    assert traces_in(caplog.text) == []


def every_check(tmp_path: Path) -> Contract:
    """A contract whose personal columns have every check word between them, at the top and in a RECORD."""
    checks: list[tuple[str, Any]] = [
        ("STRING", {"minLength": 100}),
        ("STRING", {"maxLength": 3}),
        ("STRING", {"enum": ["a", "b"]}),
        ("STRING", {"not": {"enum": [TEXT]}}),
        ("STRING", {"not": {"pattern": "Kq"}}),
        ("STRING", {"pattern": "^[0-9]+$"}),
        ("STRING", {"format": "email"}),
        ("INTEGER", {"minimum": 5}),
        ("INTEGER", {"exclusiveMinimum": 5}),
        ("FLOAT", {"maximum": 5}),
        ("TIMESTAMP", {}),
        ("BOOLEAN", {}),
        ("BYTES", {}),
    ]
    columns = [
        {
            "name": f"c{number}",
            "type": type_,
            "mode": "NULLABLE",
            "pii": True,
            "description": "D.",
            "check": check,
        }
        for number, (type_, check) in enumerate(checks)
    ]
    many = {"name": "many", "type": "STRING", "mode": "REPEATED", "pii": True, "description": "D."}
    many["check"] = {"minItems": 2, "maxItems": 1}
    inner = [{key: value for key, value in column.items() if key != "pii"} for column in columns]
    record = {
        "name": "all",
        "type": "RECORD",
        "mode": "NULLABLE",
        "pii": True,
        "description": "D.",
        "fields": inner,
    }
    content = json.loads(CONTRACT_PATH.read_text())
    content["tables"]["orders"]["columns"][:0] = [*columns, many, record]
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    return load_contract(path)


def test_no_check_word_tells_the_value_of_a_personal_column(tmp_path: Path) -> None:
    contract = every_check(tmp_path)
    canaries = list(refused(contract))
    words = {
        canary.name.rpartition(" is against ")[2] for canary in canaries if " is against " in canary.name
    }
    assert words == set(CHECK_WORDS)
    assert leaks(contract, canaries) == []


def mark_all(columns: list[dict[str, Any]], event_time: str) -> None:
    for column in columns:
        if "fields" in column:
            mark_all(column["fields"], "")
        elif "set_by" not in column and column["name"] != event_time:
            column["pii"] = True


def test_any_column_can_be_marked_tomorrow(tmp_path: Path) -> None:
    content = json.loads(CONTRACT_PATH.read_text())
    for table in content["tables"].values():
        if "event_type" in table:
            for shape in (table, *table.get("earlier_versions", {}).values()):
                mark_all(shape["columns"], shape["event_time"])
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    contract = load_contract(path)
    assert len(personal_columns(contract)) > 3 * len(personal_columns(CONTRACT))
    assert leaks(contract, refused(contract)) == []
    parser = Parser(contract)
    assert all(parser.parse(message_of(canary), PROCESSED_US) for canary in accepted(contract))


def test_a_message_says_type_and_length_in_place_of_the_value() -> None:
    said: dict[str, str] = {}
    parser = Parser(CONTRACT)
    for canary in refused(CONTRACT):
        for error in letter_of(canary, parser).errors:
            said.setdefault(canary.name, error.message)
    assert said["customer_id is a number"] == "customer_id must be a string, not an integer."
    assert said["customer_id is against maxLength"] == (
        "customer_id must have at most 128 characters, not 1,548."
    )
    assert said["shipping_address.city is in order_id"] == (
        "order_id must be a string, not an object with 1 field."
    )
    assert said["shipping_address.street has 'canary-Zy7Kq' in place of shipping_address"] == (
        "shipping_address must be an object, not a string of 12 characters."
    )
    assert said["customer_id is misspelt"].startswith('The event has the field "customer_id_"')
    assert said["user_id has a key beside it"] == (
        "The event has a field whose name (24 characters) is not shown, which the contract does not declare."
    )


def test_lines_of_an_address_that_have_changed_places_are_not_quoted() -> None:
    payload = b'{"order_id":"O1","shipping_address":{"city":"DE","country":"canary-Zy7Kq","state":5}}'
    letter = letter_of(Canary("mixed up", "order", payload), Parser(CONTRACT))
    assert [text for text in told_of(letter) if traces_in(text)] == []
    (country,) = [error for error in letter.errors if error.path == "/shipping_address/country"]
    assert country.message == "country must be text like ^[A-Z]{2}$, not a string of 12 characters."


def test_a_value_that_is_not_personal_is_still_quoted() -> None:
    letter = letter_of(Canary("", "order", b'{"status":"lost","order_date":"yesterday"}'), Parser(CONTRACT))
    said = "\n".join(error.message for error in letter.errors)
    assert 'not "lost".' in said
    assert 'it was "yesterday".' in said


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("4111111111111111", ", a number of 16 digits, is newer than the contract's 1 for order"),
        ("0" * 9 + "4" * 9_000, ", a number of 9,000 digits, is newer than the contract's 1 for order"),
        ("10001", ", a number of 5 digits, is newer than the contract's 1 for order"),
        ("10000", " 10000 is newer than the contract's 1 for order"),
        (4111111111111111, ", a number of 16 digits, is newer than the contract's 1 for order"),
        (-4111111111111111, " must be an integer above 0, not an integer below 0."),
        (-3, " must be an integer above 0, not -3."),
        (4111111111111.25, " must be an integer above 0, not a number."),
    ],
)
def test_a_number_that_is_no_contracts_version_is_not_quoted(version: str | float, said: str) -> None:
    attribute = {"schema_version": version} if isinstance(version, str) else {}
    field = {} if attribute else {"schema_version": version}
    (error,) = refusal(message(good(**field), {"event_type": "order", **attribute})).errors
    assert error.message.startswith(f"The schema_version{said}")


QUOTING = [
    "Cannot convert value to integer (bad value): {}",
    "Cannot convert string to integer:{}",
    "Could not parse '{}' as TIMESTAMP for field x",
    "Value {} for field order_date of the destination table is outside the allowed bounds.",
    "Only optional fields can be set to NULL. Field: street; Value: {}",
    "no such field: shipping_address.street. Row: {}",
    "{}",
]


@pytest.mark.parametrize("location", ["", "customer_id", "shipping_address.street", "status", "items[0].x"])
@pytest.mark.parametrize("quoting", QUOTING)
def test_no_refusal_of_bigquery_tells_a_canary(quoting: str, location: str) -> None:
    parser = Parser(CONTRACT)
    for canary in accepted(CONTRACT):
        event = parser.parse(message_of(canary), PROCESSED_US)
        assert TEXT.encode() in event.row
        for reason in ("invalid", "row_too_large"):
            error = RowError(0, reason, location, quoting.format(TEXT))
            letter = dead_letter(event, [error], PROCESSED_US)
            assert [text for text in told_of(letter) if traces_in(text)] == []


HIDDEN = "BigQuery's message is not shown, since it may quote a value."


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no such field: channel.", "no such field: channel."),
        ("Cannot convert value to integer (bad value): 5", "Cannot convert value to integer (bad value)"),
        ("Row size exceeded: 11,000,000", "Row size exceeded: 11,000,000"),
        ("Maximum allowed row size exceeded. Allowed: 5", "Maximum allowed row size exceeded"),
        ("Value 5 for field x is outside the allowed bounds.", "is outside the allowed bounds"),
        ("Access Denied: Table p-1:d.t: User a@b may not", "Access Denied: Table p-1:d.t"),
        ("Value Not found: Table Ann is outside the allowed bounds.", "is outside the allowed bounds"),
        ("Ann has moved", HIDDEN),
        ("Could not parse 'no such field: Ann' as INT64", HIDDEN),
        ("Cannot set x to 'row size exceeded: 4,711'", HIDDEN),
    ],
)
def test_what_bigquery_says_without_a_value_is_kept(message: str, said: str) -> None:
    assert without_values(message) == said


@pytest.mark.parametrize("to", ["integer", "number", "boolean", "timestamp"])
def test_a_repair_that_fails_tells_no_value(to: str) -> None:
    payload = orjson.dumps({"customer_id": TEXT})
    step = Step("cast", "payload", ("customer_id",), to, None)
    with pytest.raises(RepairFailed, match=re.escape("a string of 12 characters is no")) as raised:
        repair(payload, {}, {}, [Rule((), (step,))])
    assert traces_in(str(raised.value)) == []
