"""A table as it is beside a table as the contract has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google.cloud import bigquery

from pipeline.contract import Column, Table

_LEGACY = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
_SQL = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


class Difference(NamedTuple):
    """Something that is not as the contract has it."""

    said: str
    alter: str = ""
    """What follows ALTER TABLE to mend it; empty if BigQuery cannot change it in place."""
    harmless: bool = False


def differences(table: Table, found: bigquery.Table) -> list[Difference]:
    """Compare columns, types, modes, partition and clustering; descriptions may differ."""
    layout = _partition(table, found) + _clustering(table, found)
    return [*_columns(table.columns, found.schema, ""), *layout]


def _columns(
    wanted: Sequence[Column], found: Sequence[bigquery.SchemaField], prefix: str
) -> list[Difference]:
    there = {field.name: field for field in found}
    names = {column.name for column in wanted}
    result = []
    for column in wanted:
        name = f"{prefix}{column.name}"
        field = there.get(column.name)
        if field is None:
            alter = ""
            if not prefix and column.mode == "NULLABLE" and column.type != "RECORD":
                alter = f"ADD COLUMN {column.name} {_SQL.get(column.type, column.type)}"
            result.append(Difference(f"the {column.mode} column {name} ({column.type}) is missing", alter))
        else:
            result += _column(column, field, name)
    for field in found:
        if field.name not in names:
            extra = f"{prefix}{field.name}"
            if field.mode == "REQUIRED":
                result.append(
                    Difference(
                        f"the REQUIRED column {extra} is not in the contract, so no row would have it",
                        "" if prefix else f"ALTER COLUMN {field.name} DROP NOT NULL",
                    )
                )
            else:
                result.append(Difference(f"column {extra} is not in the contract", harmless=True))
    return result


def _column(column: Column, field: bigquery.SchemaField, name: str) -> list[Difference]:
    found_type = _LEGACY.get(field.field_type, field.field_type)
    if found_type != column.type:
        return [Difference(f"column {name} is {found_type} instead of {column.type}")]
    if field.mode != column.mode:
        relaxes = (field.mode, column.mode) == ("REQUIRED", "NULLABLE") and "." not in name
        alter = f"ALTER COLUMN {name} DROP NOT NULL" if relaxes else ""
        return [Difference(f"column {name} is {field.mode} instead of {column.mode}", alter)]
    return _columns(column.fields, field.fields, f"{name}.")


def _partition(table: Table, found: bigquery.Table) -> list[Difference]:
    wanted = "none" if table.partition is None else f"{table.partition.type} of {table.partition.field}"
    there = found.time_partitioning
    actual = "none" if there is None else f"{there.type_} of {there.field or 'the time of arrival'}"
    return [] if actual == wanted else [Difference(f"its partitioning is {actual} instead of {wanted}")]


def _clustering(table: Table, found: bigquery.Table) -> list[Difference]:
    wanted, actual = list(table.clustering), list(found.clustering_fields or [])
    if actual == wanted:
        return []
    return [Difference(f"its clustering is {', '.join(actual) or 'none'} instead of {', '.join(wanted)}")]
