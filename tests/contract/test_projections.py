"""What is derived from the contract, in golden pieces, and that other systems accept it."""

from __future__ import annotations

import jsonschema
import orjson
import pyarrow as pa
import pytest

from pipeline.arrow_schema import arrow_schema
from pipeline.contract import Column, Partition, Table, View
from pipeline.projections import bigquery_fields, create_table_ddl, create_view_ddl, json_schema
from tests.contract.messages import CONTRACT, GOOD, PARSER, PROCESSED_US, message

TABLES = list(CONTRACT.tables)


def _column(name: str, type_: str, mode: str = "NULLABLE", **more: object) -> Column:
    given = {"description": "Some.", "check": {}, "set_by": None, "fields": (), **more}
    return Column(name=name, type=type_, mode=mode, **given)  # type: ignore[arg-type]


def _table(*columns: Column, description: str = "Some.", **more: object) -> Table:
    given = {"partition": None, "clustering": (), "event_type": None, "schema_version": None, **more}
    return Table("things", description, columns, event_time=None, **given)  # type: ignore[arg-type]


def test_json_schema_of_an_order() -> None:
    schema = json_schema(CONTRACT.tables["orders"])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["order_id", "customer_id", "order_date", "status", "total_amount", "items"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == [*schema["required"], "shipping_address"]
    items, address = schema["properties"]["items"], schema["properties"]["shipping_address"]
    assert (items["type"], items["minItems"]) == ("array", 1)
    assert items["items"]["properties"]["quantity"] == {
        "description": "Units ordered.",
        "type": "integer",
        "minimum": 1,
        "maximum": 2**63 - 1,
    }
    assert address["type"] == ["object", "null"]
    assert address["required"] == ["city", "country"]


def test_json_schema_lets_null_through_a_nullable_enum_and_an_empty_array_be_absent() -> None:
    schema = json_schema(
        _table(
            _column("size", "STRING", check={"enum": ["S", "L"]}),
            _column("tags", "STRING", "REPEATED", check={"maxLength": 3, "maxItems": 2}),
        )
    )
    assert "required" not in schema
    assert schema["properties"]["size"]["enum"] == ["S", "L", None]
    assert schema["properties"]["tags"] == {
        "description": "Some.",
        "type": "array",
        "items": {"type": "string", "maxLength": 3},
        "maxItems": 2,
    }


@pytest.mark.parametrize("name", TABLES)
def test_json_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(CONTRACT.tables[name]))


def test_bigquery_fields_have_no_keys_of_ours() -> None:
    fields = {field["name"]: field for field in bigquery_fields(CONTRACT.tables["orders"])}
    assert fields["status"] == {
        "name": "status",
        "type": "STRING",
        "mode": "REQUIRED",
        "description": "Where the order stands.",
    }
    assert fields["event_id"].keys() == {"name", "type", "mode", "description"}
    assert [inner["name"] for inner in fields["shipping_address"]["fields"]] == [
        "street",
        "city",
        "state",
        "postal_code",
        "country",
    ]


def test_arrow_schema_of_an_order() -> None:
    schema = arrow_schema(CONTRACT.tables["orders"])
    assert schema.field("order_date").type == pa.timestamp("us", tz="UTC")
    assert schema.field("order_date").nullable is False
    assert schema.field("items").type.value_type.field("quantity").type == pa.int64()
    assert schema.field("shipping_address").nullable is True
    assert arrow_schema(CONTRACT.tables["dead_letters"]).field("payload").type == pa.binary()


@pytest.mark.parametrize("event_type", GOOD)
def test_arrow_schema_takes_the_rows_of_events(event_type: str) -> None:
    table = CONTRACT.table_of(event_type)
    raw = message(GOOD[event_type], {"event_type": event_type})
    event = orjson.loads(PARSER.parse(raw, PROCESSED_US).row)
    for column in table.columns:
        if column.type == "TIMESTAMP":
            event[column.name] = pa.scalar(event[column.name]).cast(pa.timestamp("us", tz="UTC"))
    assert pa.Table.from_pylist([event], schema=arrow_schema(table)).num_rows == 1


def test_table_ddl_of_the_inventory() -> None:
    ddl = create_table_ddl(CONTRACT.tables["inventory_logs"], "shop.events")
    assert ddl.startswith("CREATE TABLE IF NOT EXISTS `shop.events.inventory_logs` (\n")
    assert '  `quantity_change` INT64 NOT NULL OPTIONS (description = "Units added' in ddl
    assert ddl.endswith(
        "\n)\nPARTITION BY DATE(`timestamp`)\nCLUSTER BY `product_id`, `warehouse_id`\n"
        'OPTIONS (description = "One row per movement of stock.")'
    )


def test_table_ddl_nests_records_and_escapes_text() -> None:
    parts = _column(
        "parts", "RECORD", "REPEATED", fields=(_column("n", "FLOAT", "REQUIRED", description='a "b"\\\n'),)
    )
    table = _table(parts, description="It's", partition=Partition("HOUR", "seen"))
    assert create_table_ddl(table, "d") == (
        "CREATE TABLE IF NOT EXISTS `d.things` (\n"
        '  `parts` ARRAY<STRUCT<`n` FLOAT64 NOT NULL OPTIONS (description = "a \\"b\\"\\\\\\n")>>'
        ' OPTIONS (description = "Some.")\n'
        ")\n"
        "PARTITION BY TIMESTAMP_TRUNC(`seen`, HOUR)\n"
        'OPTIONS (description = "It\'s")'
    )


def test_view_ddl_names_the_dataset_everywhere() -> None:
    view = View("latest", 'The "last".', "SELECT * FROM `{dataset}.a` JOIN `{dataset}.b` USING (x)")
    assert create_view_ddl(view, "p.d") == (
        "CREATE OR REPLACE VIEW `p.d.latest`\n"
        'OPTIONS (description = "The \\"last\\".")\n'
        "AS SELECT * FROM `p.d.a` JOIN `p.d.b` USING (x)"
    )
