"""The tables the pipeline fills itself: in BigQuery or, without a warehouse, as files in the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from pipeline.bigquery_client import table_id
from pipeline.bigquery_rows import InsertReport, InsertSettings, Row
from pipeline.bigquery_sink import CountInserts, insert_or_raise
from pipeline.chunks import Chunk
from pipeline.objects import write_object
from pipeline.outages import OUTAGES, tell_outages

TABLES_FOLDER = "tables"


class Tables(NamedTuple):
    """Where rows go."""

    dataset: str | None
    """`project:dataset`. None: no warehouse; rows go to `<root>/tables/<table>/*.jsonl`."""
    root: str
    """The lake: `gs://bucket` or a local folder."""
    insert: InsertSettings = InsertSettings()

    def write(self, table_name: str, rows: list[Row]) -> InsertReport:
        """Write all rows; those that BigQuery does not take and that are given up go to files too.

        A file is named by what is in it, so that a repeated bundle writes the same file again.
        Raises RowsRefused, BigQueryUnavailable, TableNotWritable; BucketNotWritable for files.
        """
        report = InsertReport([], 0, [])
        if self.dataset is not None:
            report = insert_or_raise(table_id(self.dataset, table_name), rows, self.insert)
            rows = [rows[error.position] for error in report.unwritten]
        if rows:
            self._write_file(table_name, rows)
        return report

    def _write_file(self, table_name: str, rows: list[Row]) -> None:
        name = hashlib.blake2b("\0".join(row.insert_id for row in rows).encode(), digest_size=16).hexdigest()
        data = b"".join(row.json + b"\n" for row in rows)
        write_object(f"{self.root}/{TABLES_FOLDER}/{table_name}/{name}.jsonl", data)


class RowOutputs(NamedTuple):
    """What comes out of WriteRows."""

    rows: beam.PCollection
    """list[Row]: the lists that came in, each once all of it is written."""
    outages: beam.PCollection
    """list[Alert]: that the table takes no rows, or takes them again."""


class WriteRows(beam.PTransform):
    """Write rows that the pipeline made itself (metrics, alerts, dead letters) into one table.

    Input: list[Row]. Output: RowOutputs.
    Raises in the bundle what Tables.write raises.
    """

    def __init__(self, tables: Tables, table_name: str) -> None:
        super().__init__()
        self.tables = tables
        self.table_name = table_name

    def expand(self, rows: beam.PCollection) -> RowOutputs:
        write = beam.ParDo(_WriteRows(self.tables, self.table_name)).with_output_types(Chunk, outages=Chunk)
        outputs = rows | "InsertRows" >> write.with_outputs(OUTAGES, main="rows")
        return RowOutputs(outputs["rows"], outputs[OUTAGES])


class _WriteRows(beam.DoFn):
    def __init__(self, tables: Tables, table_name: str) -> None:
        self.tables = tables
        self.table_name = table_name
        self.metrics = CountInserts()

    def process(self, rows: list[Row]) -> Iterator[Any]:
        report = self.tables.write(self.table_name, rows)
        self.metrics.count(len(rows), report)
        yield rows
        yield from tell_outages(report)
