"""What other systems are told of a table: JSON Schema, BigQuery fields, DDL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.contract import Column, Table, View
from pipeline.contract_rules import INT64_MAX, INT64_MIN

EXACT_IN_A_DOUBLE = 2**53
"""Beyond, an integer in a FLOAT column may be no legal number, or has to become a double."""

_JSON_TYPES: dict[str, dict[str, Any]] = {
    "STRING": {"type": "string"},
    "BYTES": {
        "type": "string",
        "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    },
    "INTEGER": {"type": "integer"},
    "FLOAT": {"type": "number"},
    "BOOLEAN": {"type": "boolean"},
    "TIMESTAMP": {"type": "string", "format": "date-time"},
}

_SQL_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def json_schema(table: Table) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what a producer may send for `table`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": table.event_type or table.name,
        "description": table.description,
        **_object_schema(table.columns),
    }


def may_be_absent(column: Column) -> bool:
    """Whether a producer may leave the column out: NULLABLE, or REPEATED and allowed to be empty."""
    if column.mode == "REPEATED":
        return not column.check.get("minItems", 0)
    return column.mode == "NULLABLE"


def value_schema(column: Column) -> dict[str, Any]:
    """Return the JSON Schema of one value of `column`: never null, and one element if it is REPEATED."""
    if column.type == "RECORD":
        return _object_schema(column.fields)
    schema = {**_JSON_TYPES[column.type], **_without_array_words(column)}
    if column.type == "INTEGER":
        schema["minimum"] = max(INT64_MIN, schema.get("minimum", INT64_MIN))
        schema["maximum"] = min(INT64_MAX, schema.get("maximum", INT64_MAX))
    return schema


def _without_array_words(column: Column) -> dict[str, Any]:
    return {word: value for word, value in column.check.items() if word not in ("minItems", "maxItems")}


def _object_schema(columns: Iterable[Column]) -> dict[str, Any]:
    sent = [column for column in columns if column.set_by is None]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {column.name: _column_schema(column) for column in sent},
        "additionalProperties": False,
    }
    required = [column.name for column in sent if not may_be_absent(column)]
    if required:
        schema["required"] = required
    return schema


def _column_schema(column: Column) -> dict[str, Any]:
    schema = value_schema(column)
    if column.mode == "REPEATED":
        bounds = {word: column.check[word] for word in ("minItems", "maxItems") if word in column.check}
        schema = {"type": "array", "items": schema, **bounds}
    elif column.mode == "NULLABLE":
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return {"description": column.description, **schema}


def bigquery_fields(table: Table) -> list[dict[str, Any]]:
    """Return the table's columns as BigQuery's API field objects, without the keys that are ours."""
    return [_bigquery_field(column) for column in table.columns]


def _bigquery_field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "mode": column.mode,
        "description": column.description,
    }
    if column.fields:
        field["fields"] = [_bigquery_field(inner) for inner in column.fields]
    return field


def create_table_ddl(table: Table, dataset: str) -> str:
    """Return BigQuery's CREATE TABLE statement for `table` in `dataset` (`dataset` or `project.dataset`)."""
    columns = ",\n".join(f"  {_column_ddl(column)}" for column in table.columns)
    lines = [f"CREATE TABLE IF NOT EXISTS {_quoted(f'{dataset}.{table.name}')} (\n{columns}\n)"]
    if table.partition is not None:
        unit, field = table.partition.type, _quoted(table.partition.field)
        expression = f"DATE({field})" if unit == "DAY" else f"TIMESTAMP_TRUNC({field}, {unit})"
        lines.append(f"PARTITION BY {expression}")
    if table.clustering:
        lines.append("CLUSTER BY " + ", ".join(_quoted(name) for name in table.clustering))
    lines.append(f"OPTIONS (description = {_literal(table.description)})")
    return "\n".join(lines)


def create_view_ddl(view: View, dataset: str) -> str:
    """Return BigQuery's CREATE VIEW statement for `view` in `dataset` (`dataset` or `project.dataset`)."""
    return (
        f"CREATE OR REPLACE VIEW {_quoted(f'{dataset}.{view.name}')}\n"
        f"OPTIONS (description = {_literal(view.description)})\n"
        f"AS {view.query.replace('{dataset}', dataset)}"
    )


def _column_ddl(column: Column) -> str:
    not_null = " NOT NULL" if column.mode == "REQUIRED" else ""
    options = f" OPTIONS (description = {_literal(column.description)})"
    return f"{_quoted(column.name)} {_sql_type(column)}{not_null}{options}"


def _sql_type(column: Column) -> str:
    if column.type == "RECORD":
        sql = "STRUCT<" + ", ".join(_column_ddl(inner) for inner in column.fields) + ">"
    else:
        sql = _SQL_TYPES.get(column.type, column.type)
    return f"ARRAY<{sql}>" if column.mode == "REPEATED" else sql


def _quoted(name: str) -> str:
    return f"`{name}`"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
