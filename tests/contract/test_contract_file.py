"""The loader takes the contract as it is, and refuses every typo with a sentence that says where."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import CONTRACT_PATH, Column, load_contract
from pipeline.errors import ContractFileError
from pipeline.parse import Parser
from tests.contract.messages import CONTRACT

Change = Callable[[dict[str, Any]], object]


def _orders(content: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = content["tables"]["orders"]
    return table


def _column(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in _orders(content)["columns"] if column["name"] == name)


def _activity(content: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = content["tables"]["user_activity"]
    return table


def _earlier(content: dict[str, Any], version: str = "1") -> dict[str, Any]:
    shape: dict[str, Any] = _activity(content)["earlier_versions"][version]
    return shape


def _rename(mapping: dict[str, Any], old: str, new: str) -> None:
    mapping[new] = mapping.pop(old)


AMOUNT = "schemas.json: tables.orders.columns[4] (total_amount)"
STATUS = "schemas.json: tables.orders.columns[3] (status)"
ITEMS = "schemas.json: tables.orders.columns[5] (items)"
ORDERS = "schemas.json: tables.orders"
EARLIER = "schemas.json: tables.user_activity.earlier_versions"
REFUSALS: dict[str, tuple[Change, str]] = {
    "unknown top-level key": (
        lambda c: _rename(c, "views", "veiws"),
        'schemas.json: unknown key "veiws"; did you mean "views"?',
    ),
    "missing top-level key": (lambda c: c.pop("views"), 'schemas.json: the key "views" is missing.'),
    "unknown table key": (
        lambda c: _rename(_orders(c), "clustering", "cluster"),
        f'{ORDERS}: unknown key "cluster"; did you mean "clustering"?',
    ),
    "unknown column key": (
        lambda c: _rename(_column(c, "status"), "check", "chek"),
        f'{STATUS}: unknown key "chek"; did you mean "check"?',
    ),
    "unknown key in a field of a RECORD": (
        lambda c: _rename(_column(c, "items")["fields"][0], "check", "checks"),
        f'{ITEMS}.fields[0] (product_id): unknown key "checks"; did you mean "check"?',
    ),
    "unknown view key": (
        lambda c: _rename(c["views"]["orders_deduplicated"], "query", "sql"),
        'schemas.json: views.orders_deduplicated: unknown key "sql"; use one of description, query.',
    ),
    "unknown check word": (
        lambda c: _rename(_column(c, "order_id")["check"], "maxLength", "maxLenght"),
        "schemas.json: tables.orders.columns[0] (order_id).check: "
        'unknown check word "maxLenght"; did you mean "maxLength"?',
    ),
    "unknown type": (
        lambda c: _column(c, "status").update(type="STRNG"),
        f'{STATUS}: unknown type "STRNG"; did you mean "STRING"?',
    ),
    "unknown mode": (
        lambda c: _column(c, "status").update(mode="OPTIONAL"),
        f'{STATUS}: unknown mode "OPTIONAL"; use one of REQUIRED, NULLABLE, REPEATED.',
    ),
    "pii that is not true or false": (
        lambda c: _column(c, "status").update(pii="true"),
        f"{STATUS}: \"pii\" must be true or false, not 'true'.",
    ),
    "pii that the pipeline sets": (
        lambda c: _column(c, "event_id").update(pii=True),
        "schemas.json: tables.orders.columns[7] (event_id): "
        'a column that the pipeline sets cannot have "pii": messages name its values.',
    ),
    "event time that is pii": (
        lambda c: _column(c, "order_date").update(pii=True),
        f'{ORDERS}.event_time: "order_date" cannot have "pii": the lake is laid out by it.',
    ),
    "unknown set_by": (
        lambda c: _column(c, "status").update(set_by="producer"),
        f'{STATUS}: unknown set_by "producer"; use one of pipeline.',
    ),
    "column declared twice": (
        lambda c: _column(c, "status").update(name="ORDER_ID"),
        'schemas.json: tables.orders.columns[3] (ORDER_ID): the column "ORDER_ID" is declared twice.',
    ),
    "fields of a STRING": (
        lambda c: _column(c, "status").update(fields=[_column(c, "order_id")]),
        f'{STATUS}: only a RECORD has "fields", and this column is of type STRING.',
    ),
    "RECORD without fields": (
        lambda c: _column(c, "items").pop("fields"),
        f'{ITEMS}: a RECORD needs "fields".',
    ),
    "partition column that is not there": (
        lambda c: _orders(c)["partition"].update(field="orderdate"),
        f'{ORDERS}.partition: unknown column "orderdate"; did you mean "order_date"?',
    ),
    "partition column of the wrong type": (
        lambda c: _orders(c)["partition"].update(field="status"),
        f'{ORDERS}.partition: the column "status" must be a single TIMESTAMP, and it is REQUIRED STRING.',
    ),
    "unknown partition type": (
        lambda c: _orders(c)["partition"].update(type="WEEK"),
        f'{ORDERS}.partition: unknown partition type "WEEK"; use one of HOUR, DAY, MONTH, YEAR.',
    ),
    "cluster column that is not there": (
        lambda c: _orders(c).update(clustering=["customer"]),
        f'{ORDERS}.clustering: unknown column "customer"; did you mean "customer_id"?',
    ),
    "cluster column of the wrong type": (
        lambda c: _orders(c).update(clustering=["total_amount"]),
        f'{ORDERS}.clustering: the column "total_amount" must be a single '
        "STRING or INTEGER or BOOLEAN or TIMESTAMP, and it is REQUIRED FLOAT.",
    ),
    "event_time that is not there": (
        lambda c: _orders(c).update(event_time="timestamp"),
        f'{ORDERS}.event_time: unknown column "timestamp"; use one of order_id, customer_id, order_date, '
        "status, total_amount, items, shipping_address, event_id, schema_version, is_late, publish_time, "
        "processed_at.",
    ),
    "event_time of the wrong type": (
        lambda c: _orders(c).update(event_time="status"),
        f'{ORDERS}.event_time: the column "status" must be a single TIMESTAMP, and it is REQUIRED STRING.',
    ),
    "event_time that may be null": (
        lambda c: _column(c, "order_date").update(mode="NULLABLE"),
        f'{ORDERS}.event_time: "order_date" must be REQUIRED and sent by the producer.',
    ),
    "event_time of the pipeline": (
        lambda c: _orders(c).update(event_time="publish_time"),
        f'{ORDERS}.event_time: "publish_time" must be REQUIRED and sent by the producer.',
    ),
    "event table without event_time": (
        lambda c: _orders(c).pop("event_time"),
        f'{ORDERS}: an event table needs "event_time", the name of a TIMESTAMP column.',
    ),
    "event table with version 0": (
        lambda c: _orders(c).update(schema_version=0),
        f'{ORDERS}: an event table needs "schema_version", a whole number from 1 up.',
    ),
    "event type used twice": (
        lambda c: c["tables"]["inventory_logs"].update(event_type="order"),
        'schemas.json: tables.inventory_logs: event_type "order" already belongs to the table orders.',
    ),
    "event table without is_late": (
        lambda c: _orders(c)["columns"].remove(_column(c, "is_late")),
        f'{ORDERS}: an event table needs the column "is_late": type BOOLEAN, mode REQUIRED, set_by pipeline.',
    ),
    "event_id that a producer could send": (
        lambda c: _column(c, "event_id").pop("set_by"),
        f'{ORDERS}: an event table needs the column "event_id": type STRING, mode REQUIRED, set_by pipeline.',
    ),
    "set_by where the pipeline sets nothing": (
        lambda c: _column(c, "status").update(set_by="pipeline"),
        f'{ORDERS}: the pipeline does not set the column "status"; remove "set_by".',
    ),
    "set_by inside a RECORD": (
        lambda c: _column(c, "items")["fields"][0].update(set_by="pipeline"),
        f'{ORDERS}: the field "product_id" of a RECORD cannot have "set_by".',
    ),
    "check word of another type": (
        lambda c: _column(c, "total_amount").update(check={"pattern": "^1"}),
        f'{AMOUNT}.check: "pattern" does not fit this column '
        "of type FLOAT; use one of enum, not, minimum, maximum, exclusiveMinimum.",
    ),
    "check of a TIMESTAMP": (
        lambda c: _column(c, "order_date").update(check={"format": "date"}),
        'schemas.json: tables.orders.columns[2] (order_date).check: "format" does not fit this column '
        "of type TIMESTAMP; it takes no check.",
    ),
    "minItems of a single value": (
        lambda c: _column(c, "shipping_address").update(check={"minItems": 1}),
        'schemas.json: tables.orders.columns[6] (shipping_address).check: "minItems" does not fit this '
        "column of type RECORD; it takes no check.",
    ),
    "bad regular expression": (
        lambda c: _column(c, "status").update(check={"pattern": "^[a-z"}),
        f'{STATUS}.check: "pattern" is not a regular expression: unterminated character set at position 1.',
    ),
    "enum value of another type": (
        lambda c: _column(c, "status")["check"]["enum"].append(5),
        f'{STATUS}.check: the value 5 in "enum" is not of type STRING.',
    ),
    "true as a minimum": (
        lambda c: _column(c, "total_amount").update(check={"minimum": True}),
        f'{AMOUNT}.check: "minimum" must be a number of type FLOAT, not True.',
    ),
    "negative length": (
        lambda c: _column(c, "status").update(check={"minLength": -1}),
        f'{STATUS}.check: "minLength" must be a whole number from 0 up, not -1.',
    ),
    "length beyond 64 bits": (
        lambda c: _column(c, "status").update(check={"minLength": 2**63}),
        f'{STATUS}.check: "minLength" must fit in 64 bits, and {2**63} does not.',
    ),
    "bound beyond 64 bits": (
        lambda c: _column(c, "total_amount").update(check={"minimum": -(2**63) - 1}),
        f'{AMOUNT}.check: "minimum" must be a number of type FLOAT, not {-(2**63) - 1}.',
    ),
    "bound that is no number": (
        lambda c: _column(c, "total_amount").update(check={"maximum": float("inf")}),
        f'{AMOUNT}.check: "maximum" must be a number of type FLOAT, not inf.',
    ),
    "schema version that nobody counts to": (
        lambda c: c["tables"]["orders"].update(schema_version=2**53),
        'schemas.json: tables.orders: "schema_version" must be at most 10,000.',
    ),
    "typo inside not": (
        lambda c: _column(c, "status").update(check={"not": {"enumm": ["x"]}}),
        f'{STATUS}.check.not: unknown check word "enumm"; did you mean "enum"?',
    ),
    "unknown format": (
        lambda c: _column(c, "status").update(check={"format": "e-mail"}),
        f'{STATUS}.check: unknown format "e-mail"; did you mean "email"?',
    ),
    "blank description": (
        lambda c: _column(c, "status").update(description=" "),
        f'{STATUS}: "description" must be a string that says something.',
    ),
    "name that BigQuery refuses": (
        lambda c: _column(c, "status").update(name="order-status"),
        "schemas.json: tables.orders.columns[3] (order-status): "
        "the name 'order-status' must be letters, digits and underscores, no digit first.",
    ),
    "columns that are no list": (
        lambda c: _orders(c).update(columns={}),
        f"{ORDERS}.columns: must be a list with at least one entry.",
    ),
    "column that is no object": (
        lambda c: _orders(c)["columns"].insert(0, "order_id"),
        f"{ORDERS}.columns[0]: must be an object.",
    ),
    "typo in an earlier version's check": (
        lambda c: _rename(_earlier(c)["columns"][1]["check"], "enum", "enums"),
        f'{EARLIER}.1.columns[1] (event_type).check: unknown check word "enums"; did you mean "enum"?',
    ),
    "earlier version without event_time": (
        lambda c: _earlier(c).pop("event_time"),
        f'{EARLIER}.1: the key "event_time" is missing.',
    ),
    "earlier version whose event_time may be null": (
        lambda c: _earlier(c)["columns"][4].update(mode="NULLABLE"),
        f'{EARLIER}.1.event_time: "event_time" must be REQUIRED and sent by the producer.',
    ),
    "earlier version with an unknown key": (
        lambda c: _earlier(c).update(partition={}),
        f'{EARLIER}.1: unknown key "partition"; use one of event_time, columns.',
    ),
    "earlier versions with a gap": (
        lambda c: _activity(c)["earlier_versions"].pop("1"),
        f'{EARLIER}: "2" stands where "1" must: count from "1", without a gap.',
    ),
    "earlier version that is the current one": (
        lambda c: _activity(c).update(schema_version=2),
        f'{EARLIER}: "2" is not earlier than the schema_version, 2.',
    ),
    "earlier versions that are none": (
        lambda c: _activity(c).update(earlier_versions={}),
        f'{EARLIER}: must declare version "1" at least; or remove it.',
    ),
    "earlier versions of a table without events": (
        lambda c: c["tables"]["alerts"].update(earlier_versions=_activity(c)["earlier_versions"]),
        "schemas.json: tables.alerts.earlier_versions: only an event table has earlier versions.",
    ),
    "earlier version with a column of the pipeline": (
        lambda c: _earlier(c)["columns"][1].update(set_by="pipeline"),
        f'{EARLIER}.1: the column "event_type" of an earlier version cannot have "set_by".',
    ),
    "earlier version with an event_id": (
        lambda c: _earlier(c)["columns"][0].update(name="event_id"),
        f'{EARLIER}.1: an event has no column "event_id": it is taken out of the message.',
    ),
    "earlier version that no step lifts": (
        lambda c: _activity(c).update(event_type="visit"),
        f"{EARLIER}.1: no step lifts visit from version 1 to 2; write it in pipeline/migrations.py.",
    ),
    "earlier version whose column is not marked as what it becomes": (
        lambda c: _earlier(c)["columns"][0].pop("pii"),
        f'{EARLIER}.1.columns: "user_id" becomes user_id, which has "pii"; mark it, too.',
    ),
    "earlier version whose column moves into a RECORD and is not marked there": (
        lambda c: _earlier(c, "2")["columns"][1].pop("pii"),
        f'{EARLIER}.2.columns: "session_id" becomes metadata.session_id, which has "pii"; mark it, too.',
    ),
    "earlier version with a number that becomes personal": (
        lambda c: _activity(c)["columns"][3]["fields"][3].update(pii=True),
        f'{EARLIER}.1.columns: "price" becomes metadata.price, which has "pii"; mark it, too.',
    ),
    "earlier version whose column moves into a RECORD that is marked": (
        lambda c: _activity(c)["columns"][3].update(pii=True),
        f'{EARLIER}.1.columns: "product_id" becomes metadata.product_id, which has "pii"; mark it, too.',
    ),
    "view of a table that is not there": (
        lambda c: c["views"]["orders_deduplicated"].update(query="SELECT * FROM `{dataset}.order`"),
        'schemas.json: views.orders_deduplicated: unknown table "order"; did you mean "orders"?',
    ),
    "view with the name of a table": (
        lambda c: c["views"].update(orders=c["views"]["orders_deduplicated"]),
        "schemas.json: views.orders: a table has this name.",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_wrong_contract_is_refused_with_a_sentence_that_says_where(name: str, tmp_path: Path) -> None:
    change, sentence = REFUSALS[name]
    content = json.loads(CONTRACT_PATH.read_text())
    change(content)
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"a": 1,}', "schemas.json: line 1, column 9: not JSON: "),
        (b"\xff", "schemas.json: not UTF-8 at byte 0; save it as UTF-8."),
        (
            b'{"a": 1, "b": 2, "a": 3}',
            'schemas.json: the key "a" stands twice in the object that starts with',
        ),
        (b"[]", "schemas.json: must be an object."),
    ],
)
def test_a_file_that_is_not_a_json_object_is_refused(text: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_bytes(text)
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    assert str(refused.value).startswith(sentence)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(ContractFileError, match=r"none\.json: cannot be read: No such file or directory\."):
        load_contract(str(path))


def test_a_pattern_that_only_python_understands_is_refused_by_the_parser(tmp_path: Path) -> None:
    content = json.loads(CONTRACT_PATH.read_text())
    _column(content, "status")["check"] = {"pattern": "^(?=p)"}
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ContractFileError, match=r"^schemas\.json: orders\.status: .*\^\(\?=p\)"):
        Parser(load_contract(path))


def test_the_contract_holds_the_tables_of_the_design() -> None:
    assert CONTRACT.event_types == ("order", "inventory", "user_activity")
    assert list(CONTRACT.tables) == [
        "orders",
        "inventory_logs",
        "user_activity",
        "order_metrics",
        "hourly_metrics",
        "data_quality_metrics",
        "dead_letters",
        "replays",
        "_load_metadata",
        "alerts",
        "metric_expectations",
    ]
    assert CONTRACT.table_of("inventory") is CONTRACT.tables["inventory_logs"]
    with pytest.raises(KeyError):
        CONTRACT.table_of("refund")


def test_a_record_that_is_pii_marks_all_inside_of_it(tmp_path: Path) -> None:
    content = json.loads(CONTRACT_PATH.read_text())
    _column(content, "shipping_address")["pii"] = True
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(content))
    columns = {column.name: column for column in load_contract(path).tables["orders"].columns}
    assert [inner.pii for inner in columns["shipping_address"].fields] == [True] * 5
    assert not columns["items"].holds_pii


def test_the_personal_columns_of_the_contract() -> None:
    def marked(columns: tuple[Column, ...], prefix: str) -> list[str]:
        found = [prefix + column.name for column in columns if column.pii]
        return found + [
            each for column in columns for each in marked(column.fields, f"{prefix}{column.name}.")
        ]

    assert [
        each for table in CONTRACT.tables.values() for each in marked(table.columns, f"{table.name}.")
    ] == [
        "orders.customer_id",
        "orders.shipping_address.street",
        "orders.shipping_address.city",
        "orders.shipping_address.state",
        "orders.shipping_address.postal_code",
        "user_activity.user_id",
        "user_activity.metadata.session_id",
        "user_activity.metadata.geo_city",
        "user_activity.metadata.referrer",
        "dead_letters.payload",
    ]


def test_the_contract_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(CONTRACT)) == CONTRACT


def test_a_number_of_thousands_of_digits_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_text('{"description": ' + "1" * 5_000 + "}")
    with pytest.raises(ContractFileError, match=r"^schemas.json: holds a number that cannot be read: "):
        load_contract(path)


@pytest.mark.parametrize("content", ['{"\\ud800": 1}', '{"description": ["\\ud800"]}'], ids=["key", "value"])
def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(content: str, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_text(content)
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    assert str(refused.value) == (
        "schemas.json: holds \\ud800, half of a surrogate pair; escape both halves, or none."
    )
