"""bqemulator, started without a network and without the parts that cost more than the pipeline.

`python -m local.bigquery_server --port PORT --data-dir DIR --project PROJECT`. Four things differ
from `bqemulator start`:

- DuckDB's spatial extension, without which it does not start, comes from an installed package
  instead of a download, and the Avro extension is not asked for.
- Nothing is kept for time travel. After every insert bqemulator copies the whole table, so that
  inserts become slower with every row: twice the CPU a row after 20,000 rows, ten times with small
  batches.
- The number of a table's rows is not saved after every insert, which costs more than the insert:
  SQL counts right, `numRows` of a table starts again from what the last change of schema saved.
- Rows are converted column by column, with the emulator's own code for whatever is unusual.
"""

from __future__ import annotations

import argparse
import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import bqemulator.server
import duckdb_extensions
import pyarrow as pa
from bqemulator.api.routes import tabledata
from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.catalog.models import TableMeta
from bqemulator.config import LogFormat, LogLevel, PersistenceMode, Settings
from bqemulator.domain.events import TableDataChanged
from bqemulator.observability import logging_
from bqemulator.storage.arrow_bridge import bq_rows_to_arrow
from bqemulator.versioning.snapshots import SnapshotManager

_emulators_partition = tabledata._partition_rows_for_insert


class WithoutTimeTravel(SnapshotManager):
    """Tells subscribers that a table changed, and copies nothing."""

    def record_change(self, project_id: str, dataset_id: str, table_id: str) -> None:
        """Publish the change of `project_id.dataset_id.table_id`."""
        self._events.publish(TableDataChanged(project_id, dataset_id, table_id))


class WithoutRowCounts(DuckDBCatalogRepository):
    """Keeps the numbers of rows in memory alone."""

    def update_table(self, table: TableMeta) -> TableMeta:
        """Save `table`, unless nothing but its number of rows is new."""
        known = self.get_table(table.project_id, table.dataset_id, table.table_id)
        if known is not None and known.model_copy(update={"num_rows": table.num_rows}) == table:
            return self._cache.update_table(table)
        return super().update_table(table)


def rows_to_arrow(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Convert insertAll's `{"json": {…}}` rows into a table; bqemulator takes 4 times as long.

    Raises: ValueError or TypeError for a value that does not fit, as bqemulator's own function does.
    """
    values = [row["json"] for row in rows]
    try:
        return pa.table([_column(field, values) for field in schema], schema=schema)
    except (ValueError, TypeError, KeyError):  # pyarrow's errors are of the first two kinds
        return bq_rows_to_arrow(rows, schema)


def _column(field: pa.Field, rows: list[dict[str, Any]]) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_timestamp(field.type):
        values = [None if value is None else datetime.fromisoformat(value) for value in values]
    elif pa.types.is_binary(field.type):
        values = [None if value is None else base64.b64decode(value, validate=True) for value in values]
    return pa.array(values, type=field.type)


def partition_rows(
    rows: list[dict[str, Any]], schema: pa.Schema
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split into rows that fit and errors: row by row, as bqemulator does, only if there is an error."""
    try:
        rows_to_arrow(rows, schema)
    except (ValueError, TypeError):
        good, errors = _emulators_partition(rows, schema)
        return good, errors
    return rows, []


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="bqemulator, offline and without time travel")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--project", required=True)
    arguments = parser.parse_args()

    duckdb_extensions.import_extension("spatial")
    bqemulator.server.SnapshotManager = WithoutTimeTravel  # type: ignore[attr-defined]
    bqemulator.server.DuckDBCatalogRepository = WithoutRowCounts  # type: ignore[attr-defined]
    tabledata._partition_rows_for_insert = partition_rows  # type: ignore[assignment]
    tabledata.bq_rows_to_arrow = rows_to_arrow  # type: ignore[attr-defined]
    logging_.configure_logging(level=LogLevel.WARNING, fmt=LogFormat.CONSOLE)
    bqemulator.server.run_forever(
        Settings(
            rest_port=arguments.port,
            grpc_port=0,
            persistence_mode=PersistenceMode.PERSISTENT,
            data_dir=arguments.data_dir,
            default_project_id=arguments.project,
            enable_format_extensions=False,
            metrics_enabled=False,
            log_level=LogLevel.WARNING,
            log_format=LogFormat.CONSOLE,
        )
    )


if __name__ == "__main__":
    main()
