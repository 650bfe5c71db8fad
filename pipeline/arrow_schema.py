"""The Arrow schema of a table: what the lake's Parquet files hold."""

from __future__ import annotations

import pyarrow as pa

from pipeline.contract import Column, Table

_ARROW_TYPES = {
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Return the schema with a field per column; a REPEATED column is a list without nulls in it."""
    return pa.schema([_field(column) for column in table.columns])


def _field(column: Column, *, within_nullable: bool = False) -> pa.Field:
    # Arrow keeps no child without nulls under a struct that may be null: a null address has no city.
    within_nullable = within_nullable or column.mode == "NULLABLE"
    value = (
        pa.struct([_field(inner, within_nullable=within_nullable) for inner in column.fields])
        if column.type == "RECORD"
        else _ARROW_TYPES[column.type]
    )
    if column.mode == "REPEATED":
        return pa.field(column.name, pa.list_(pa.field("item", value, nullable=False)), nullable=True)
    return pa.field(column.name, value, nullable=within_nullable)
