"""A typo in a table, a column, a check or a view is refused with a sentence that says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.changed_contract import Change, column, orders, refusal_of, rename

AMOUNT = "schemas.json: tables.orders.columns[4] (total_amount)"
STATUS = "schemas.json: tables.orders.columns[3] (status)"
ITEMS = "schemas.json: tables.orders.columns[5] (items)"
ORDERS = "schemas.json: tables.orders"
REFUSALS: dict[str, tuple[Change, str]] = {
    "unknown top-level key": (
        lambda c: rename(c, "views", "veiws"),
        'schemas.json: unknown key "veiws"; did you mean "views"?',
    ),
    "missing top-level key": (lambda c: c.pop("views"), 'schemas.json: the key "views" is missing.'),
    "unknown table key": (
        lambda c: rename(orders(c), "clustering", "cluster"),
        f'{ORDERS}: unknown key "cluster"; did you mean "clustering"?',
    ),
    "unknown column key": (
        lambda c: rename(column(c, "status"), "check", "chek"),
        f'{STATUS}: unknown key "chek"; did you mean "check"?',
    ),
    "unknown key in a field of a RECORD": (
        lambda c: rename(column(c, "items")["fields"][0], "check", "checks"),
        f'{ITEMS}.fields[0] (product_id): unknown key "checks"; did you mean "check"?',
    ),
    "unknown view key": (
        lambda c: rename(c["views"]["orders_deduplicated"], "query", "sql"),
        'schemas.json: views.orders_deduplicated: unknown key "sql"; use one of description, query.',
    ),
    "unknown check word": (
        lambda c: rename(column(c, "order_id")["check"], "maxLength", "maxLenght"),
        "schemas.json: tables.orders.columns[0] (order_id).check: "
        'unknown check word "maxLenght"; did you mean "maxLength"?',
    ),
    "unknown type": (
        lambda c: column(c, "status").update(type="STRNG"),
        f'{STATUS}: unknown type "STRNG"; did you mean "STRING"?',
    ),
    "unknown mode": (
        lambda c: column(c, "status").update(mode="OPTIONAL"),
        f'{STATUS}: unknown mode "OPTIONAL"; use one of REQUIRED, NULLABLE, REPEATED.',
    ),
    "pii that is not true or false": (
        lambda c: column(c, "status").update(pii="true"),
        f"{STATUS}: \"pii\" must be true or false, not 'true'.",
    ),
    "pii that the pipeline sets": (
        lambda c: column(c, "event_id").update(pii=True),
        "schemas.json: tables.orders.columns[7] (event_id): "
        'a column that the pipeline sets cannot have "pii": messages name its values.',
    ),
    "event time that is pii": (
        lambda c: column(c, "order_date").update(pii=True),
        f'{ORDERS}.event_time: "order_date" cannot have "pii": the lake is laid out by it.',
    ),
    "unknown set_by": (
        lambda c: column(c, "status").update(set_by="producer"),
        f'{STATUS}: unknown set_by "producer"; use one of pipeline.',
    ),
    "column declared twice": (
        lambda c: column(c, "status").update(name="ORDER_ID"),
        'schemas.json: tables.orders.columns[3] (ORDER_ID): the column "ORDER_ID" is declared twice.',
    ),
    "fields of a STRING": (
        lambda c: column(c, "status").update(fields=[column(c, "order_id")]),
        f'{STATUS}: only a RECORD has "fields", and this column is of type STRING.',
    ),
    "RECORD without fields": (
        lambda c: column(c, "items").pop("fields"),
        f'{ITEMS}: a RECORD needs "fields".',
    ),
    "partition column that is not there": (
        lambda c: orders(c)["partition"].update(field="orderdate"),
        f'{ORDERS}.partition: unknown column "orderdate"; did you mean "order_date"?',
    ),
    "partition column of the wrong type": (
        lambda c: orders(c)["partition"].update(field="status"),
        f'{ORDERS}.partition: the column "status" must be a single TIMESTAMP, and it is REQUIRED STRING.',
    ),
    "unknown partition type": (
        lambda c: orders(c)["partition"].update(type="WEEK"),
        f'{ORDERS}.partition: unknown partition type "WEEK"; use one of HOUR, DAY, MONTH, YEAR.',
    ),
    "cluster column that is not there": (
        lambda c: orders(c).update(clustering=["customer"]),
        f'{ORDERS}.clustering: unknown column "customer"; did you mean "customer_id"?',
    ),
    "cluster column of the wrong type": (
        lambda c: orders(c).update(clustering=["total_amount"]),
        f'{ORDERS}.clustering: the column "total_amount" must be a single '
        "STRING or INTEGER or BOOLEAN or TIMESTAMP, and it is REQUIRED FLOAT.",
    ),
    "event_time that is not there": (
        lambda c: orders(c).update(event_time="timestamp"),
        f'{ORDERS}.event_time: unknown column "timestamp"; use one of order_id, customer_id, order_date, '
        "status, total_amount, items, shipping_address, event_id, schema_version, is_late, publish_time, "
        "processed_at.",
    ),
    "event_time of the wrong type": (
        lambda c: orders(c).update(event_time="status"),
        f'{ORDERS}.event_time: the column "status" must be a single TIMESTAMP, and it is REQUIRED STRING.',
    ),
    "event_time that may be null": (
        lambda c: column(c, "order_date").update(mode="NULLABLE"),
        f'{ORDERS}.event_time: "order_date" must be REQUIRED and sent by the producer.',
    ),
    "event_time of the pipeline": (
        lambda c: orders(c).update(event_time="publish_time"),
        f'{ORDERS}.event_time: "publish_time" must be REQUIRED and sent by the producer.',
    ),
    "event table without event_time": (
        lambda c: orders(c).pop("event_time"),
        f'{ORDERS}: an event table needs "event_time", the name of a TIMESTAMP column.',
    ),
    "event table with version 0": (
        lambda c: orders(c).update(schema_version=0),
        f'{ORDERS}: an event table needs "schema_version", a whole number from 1 up.',
    ),
    "event type used twice": (
        lambda c: c["tables"]["inventory_logs"].update(event_type="order"),
        'schemas.json: tables.inventory_logs: event_type "order" already belongs to the table orders.',
    ),
    "event table without is_late": (
        lambda c: orders(c)["columns"].remove(column(c, "is_late")),
        f'{ORDERS}: an event table needs the column "is_late": type BOOLEAN, mode REQUIRED, set_by pipeline.',
    ),
    "event_id that a producer could send": (
        lambda c: column(c, "event_id").pop("set_by"),
        f'{ORDERS}: an event table needs the column "event_id": type STRING, mode REQUIRED, set_by pipeline.',
    ),
    "set_by where the pipeline sets nothing": (
        lambda c: column(c, "status").update(set_by="pipeline"),
        f'{ORDERS}: the pipeline does not set the column "status"; remove "set_by".',
    ),
    "set_by inside a RECORD": (
        lambda c: column(c, "items")["fields"][0].update(set_by="pipeline"),
        f'{ORDERS}: the field "product_id" of a RECORD cannot have "set_by".',
    ),
    "check word of another type": (
        lambda c: column(c, "total_amount").update(check={"pattern": "^1"}),
        f'{AMOUNT}.check: "pattern" does not fit this column '
        "of type FLOAT; use one of enum, not, minimum, maximum, exclusiveMinimum.",
    ),
    "check of a TIMESTAMP": (
        lambda c: column(c, "order_date").update(check={"format": "date"}),
        'schemas.json: tables.orders.columns[2] (order_date).check: "format" does not fit this column '
        "of type TIMESTAMP; it takes no check.",
    ),
    "minItems of a single value": (
        lambda c: column(c, "shipping_address").update(check={"minItems": 1}),
        'schemas.json: tables.orders.columns[6] (shipping_address).check: "minItems" does not fit this '
        "column of type RECORD; it takes no check.",
    ),
    "bad regular expression": (
        lambda c: column(c, "status").update(check={"pattern": "^[a-z"}),
        f'{STATUS}.check: "pattern" is not a regular expression: unterminated character set at position 1.',
    ),
    "enum value of another type": (
        lambda c: column(c, "status")["check"]["enum"].append(5),
        f'{STATUS}.check: the value 5 in "enum" is not of type STRING.',
    ),
    "true as a minimum": (
        lambda c: column(c, "total_amount").update(check={"minimum": True}),
        f'{AMOUNT}.check: "minimum" must be a number of type FLOAT, not True.',
    ),
    "negative length": (
        lambda c: column(c, "status").update(check={"minLength": -1}),
        f'{STATUS}.check: "minLength" must be a whole number from 0 up, not -1.',
    ),
    "length beyond 64 bits": (
        lambda c: column(c, "status").update(check={"minLength": 2**63}),
        f'{STATUS}.check: "minLength" must fit in 64 bits, and {2**63} does not.',
    ),
    "bound beyond 64 bits": (
        lambda c: column(c, "total_amount").update(check={"minimum": -(2**63) - 1}),
        f'{AMOUNT}.check: "minimum" must be a number of type FLOAT, not {-(2**63) - 1}.',
    ),
    "bound that is no number": (
        lambda c: column(c, "total_amount").update(check={"maximum": float("inf")}),
        f'{AMOUNT}.check: "maximum" must be a number of type FLOAT, not inf.',
    ),
    "schema version that nobody counts to": (
        lambda c: c["tables"]["orders"].update(schema_version=2**53),
        'schemas.json: tables.orders: "schema_version" must be at most 10,000.',
    ),
    "typo inside not": (
        lambda c: column(c, "status").update(check={"not": {"enumm": ["x"]}}),
        f'{STATUS}.check.not: unknown check word "enumm"; did you mean "enum"?',
    ),
    "unknown format": (
        lambda c: column(c, "status").update(check={"format": "e-mail"}),
        f'{STATUS}.check: unknown format "e-mail"; did you mean "email"?',
    ),
    "blank description": (
        lambda c: column(c, "status").update(description=" "),
        f'{STATUS}: "description" must be a string that says something.',
    ),
    "name that BigQuery refuses": (
        lambda c: column(c, "status").update(name="order-status"),
        "schemas.json: tables.orders.columns[3] (order-status): "
        "the name 'order-status' must be letters, digits and underscores, no digit first.",
    ),
    "columns that are no list": (
        lambda c: orders(c).update(columns={}),
        f"{ORDERS}.columns: must be a list with at least one entry.",
    ),
    "column that is no object": (
        lambda c: orders(c)["columns"].insert(0, "order_id"),
        f"{ORDERS}.columns[0]: must be an object.",
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
    assert refusal_of(change, tmp_path) == sentence
