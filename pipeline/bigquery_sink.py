"""The BigQuery sink: chunks of rows in, the same rows out once BigQuery has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline.bigquery_client import table_id
from pipeline.bigquery_insert import insert_concurrently
from pipeline.bigquery_refusals import STAGE, dead_letter, errors_by_position, without_values
from pipeline.bigquery_rows import InsertReport, InsertSettings, Row
from pipeline.chunks import Chunk
from pipeline.elements import DeadLetter, Event
from pipeline.errors import PipelineError
from pipeline.outages import OUTAGES, tell_outages

REFUSED = "refused"


class RowsRefused(PipelineError):
    """BigQuery refused rows that the pipeline made itself: the table or the code is wrong."""


class WriteOutputs(NamedTuple):
    """What became of the events."""

    written: beam.PCollection
    """list[Event]: what BigQuery has accepted."""
    refused: beam.PCollection
    """list[DeadLetter]: what it will never accept, or what was not to wait for it."""
    outages: beam.PCollection
    """list[Alert]: the tables that take no rows, or take them again."""


class WriteEvents(beam.PTransform):
    """Write every event into the table of its type, and dead-letter the ones BigQuery refuses.

    Input: list[Event], of mixed types. Output: WriteOutputs; an event is either written or refused, and
    only after BigQuery has answered or the event was given up.
    Raises in the bundle: BigQueryUnavailable, TableNotWritable; then nothing is emitted. Neither if the
    settings say `on_outage`.
    Insert ids are event ids, so that rows of a repeated bundle are dropped by BigQuery, as far as it
    remembers them.
    """

    def __init__(
        self,
        dataset: str,
        table_names: Mapping[str, str],
        settings: InsertSettings,
        clock: Callable[[], int],
    ) -> None:
        """Take `project:dataset`, the table of each event type, and the clock for failed_at (in µs)."""
        super().__init__()
        tables = {event_type: table_id(dataset, name) for event_type, name in table_names.items()}
        self._insert = _InsertEvents(tables, settings, clock)

    def expand(self, events: beam.PCollection) -> WriteOutputs:
        """Apply the transform."""
        insert = beam.ParDo(self._insert).with_output_types(Chunk, refused=Chunk, outages=Chunk)
        outputs = events | "InsertEvents" >> insert.with_outputs(REFUSED, OUTAGES, main="written")
        return WriteOutputs(outputs["written"], outputs[REFUSED], outputs[OUTAGES])


class CountInserts:
    """The sink's metrics, counted on the bundle's own thread: Beam drops what other threads count."""

    def __init__(self) -> None:
        self.rows_written = Metrics.counter(STAGE, "bigquery_rows_written")
        self.rows_refused = Metrics.counter(STAGE, "bigquery_rows_refused")
        self.rows_unwritten = Metrics.counter(STAGE, "bigquery_rows_unwritten")
        self.request_retries = Metrics.counter(STAGE, "bigquery_request_retries")
        self.insert_ms = Metrics.distribution(STAGE, "bigquery_insert_ms")

    def count(self, row_count: int, report: InsertReport) -> None:
        refused_count = len({error.position for error in report.errors})
        unwritten_count = len(report.unwritten)
        self.rows_written.inc(row_count - refused_count - unwritten_count)
        self.rows_refused.inc(refused_count)
        self.rows_unwritten.inc(unwritten_count)
        self.request_retries.inc(report.retry_count)
        for request_ms in report.request_ms:
            self.insert_ms.update(request_ms)


class _InsertEvents(beam.DoFn):
    def __init__(self, tables: Mapping[str, str], settings: InsertSettings, clock: Callable[[], int]) -> None:
        self.tables = dict(tables)
        self.settings = settings
        self.clock = clock
        self.metrics = CountInserts()

    def process(self, events: list[Event]) -> Iterator[Any]:
        events_by_table: dict[str, list[Event]] = {}
        for event in events:
            events_by_table.setdefault(self.tables[event.event_type], []).append(event)
        reports = insert_concurrently(
            {
                table: [Row(event.event_id, event.row) for event in group]
                for table, group in events_by_table.items()
            },
            self.settings,
        )
        written: list[Event] = []
        refused: list[DeadLetter] = []
        for table, group in events_by_table.items():
            self.metrics.count(len(group), reports[table])
            errors_of = errors_by_position([*reports[table].errors, *reports[table].unwritten])
            for position, event in enumerate(group):
                errors = errors_of.get(position)
                if errors is None:
                    written.append(event)
                else:
                    refused.append(dead_letter(event, errors, self.clock()))
        if written:
            yield written
        if refused:
            yield beam.pvalue.TaggedOutput(REFUSED, refused)
        yield from tell_outages(*reports.values())


def insert_or_raise(table: str, rows: list[Row], settings: InsertSettings) -> InsertReport:
    """Insert rows that the pipeline made itself, all of them but those that are given up.

    Raises RowsRefused, BigQueryUnavailable, TableNotWritable.
    """
    report = insert_concurrently({table: rows}, settings)[table]
    if report.errors:
        first = report.errors[0]
        refused_count = len(errors_by_position(report.errors))
        raise RowsRefused(
            f"BigQuery refused {refused_count} of {len(rows)} rows for {table}, the first at "
            f"{first.location or 'the whole row'} ({first.reason}: {without_values(first.message)}): "
            "bring the table's columns in line with schemas.json."
        )
    return report
