"""Beam's own streaming inserts behind the interface of the sink, for `--bigquery_write=stock`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery
from apache_beam.io.gcp.bigquery_tools import RetryStrategy
from apache_beam.transforms.trigger import AccumulationMode, AfterCount, AfterWatermark
from apache_beam.transforms.window import FixedWindows, TimestampCombiner

from pipeline.bigquery_client import table_id
from pipeline.bigquery_refusals import dead_letter
from pipeline.bigquery_rows import RowError
from pipeline.bigquery_sink import REFUSED, WriteOutputs
from pipeline.chunks import Chunk, nothing
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.errors import RowTooLarge

JOIN_WINDOW_SECONDS = 10
JOIN_LATENESS_SECONDS = 7 * 24 * 3600
"""As long as Pub/Sub keeps a message."""


def _without_errors(record: logging.LogRecord) -> bool:
    """Stock logs BigQuery's errors as they are, and they may quote a value that is personal."""
    said, _, _ = record.getMessage().partition("Errors were")
    record.msg, record.args = said, ()
    return True


# Here, because it has to hold in every process in which stock writes, and those import this module.
logging.getLogger("apache_beam.io.gcp.bigquery").addFilter(_without_errors)


class WriteEventsStock(beam.PTransform):
    """Write events with `WriteToBigQuery(STREAMING_INSERTS)`; input and output as of WriteEvents.

    Stock reports failures and no success, so `written` is what was handed over minus what failed,
    known when the watermark has passed the write: windows of 10 s, emitted as they close. What it
    cannot promise, unlike WriteEvents:
    - A chunk that reaches it behind the watermark is emitted as written before its failures are
      known; a failure then also yields a dead letter, with the row in place of the original message.
    - A request refused as a whole (403, also for quota, 404, 400) dead-letters all of its rows.
    - Insert ids are random, so a repeated bundle is inserted twice.
    - It knows one way with an outage, its own.
    - It does not reach an emulator: Beam's client asks for Google's credentials at its fixed address.
    """

    def __init__(self, dataset: str, table_names: Mapping[str, str], clock: Callable[[], int]) -> None:
        """Take `project:dataset`, the table of each event type, and the clock for failed_at (in µs)."""
        super().__init__()
        self._dataset = dataset
        self._table_names = dict(table_names)
        self._clock = clock

    def expand(self, events: beam.PCollection) -> WriteOutputs:
        """Apply the transform."""
        by_type = events | "GroupChunkByType" >> beam.FlatMap(group_by_type)  # (event_type, list[Event])
        failures = [
            by_type | f"WriteTo_{table_name}" >> _WriteTable(event_type, table_id(self._dataset, table_name))
            for event_type, table_name in self._table_names.items()
        ] | "FlattenFailures" >> beam.Flatten()  # (event_type, failed)

        sides = {
            "handed": by_type | "WindowHanded" >> _join_window(),
            "failed": failures | "WindowFailures" >> _join_window(),
        }
        split = beam.ParDo(_SplitByOutcome(self._clock)).with_outputs(REFUSED, main="written")
        outcomes = sides | "JoinFailures" >> beam.CoGroupByKey() | "SplitByOutcome" >> split
        no_outages = events | "TellNoOutages" >> beam.FlatMap(nothing).with_output_types(Chunk)
        return WriteOutputs(
            outcomes["written"] | "RewindowWritten" >> beam.WindowInto(events.windowing),
            outcomes[REFUSED] | "RewindowRefused" >> beam.WindowInto(events.windowing),
            no_outages,
        )


class _WriteTable(beam.PTransform):
    """Write the events of one type; output: (event_type, (row, errors)) of each row that failed."""

    def __init__(self, event_type: str, table: str) -> None:
        super().__init__()
        self._event_type = event_type
        self._table = table

    def expand(self, by_type: beam.PCollection) -> beam.PCollection:
        result = (
            by_type
            | "DecodeRows" >> beam.FlatMap(decode_rows, self._event_type)
            | "StreamRows"
            >> WriteToBigQuery(
                self._table.replace(".", ":", 1),
                method=WriteToBigQuery.Method.STREAMING_INSERTS,
                create_disposition=BigQueryDisposition.CREATE_NEVER,
                # The default retries a bad row for ever.
                insert_retry_strategy=RetryStrategy.RETRY_ON_TRANSIENT_ERROR,
                with_auto_sharding=False,
            )
        )
        return result.failed_rows_with_errors | "KeyFailuresByType" >> beam.Map(key_failure, self._event_type)


def _join_window() -> beam.WindowInto:
    return beam.WindowInto(
        FixedWindows(JOIN_WINDOW_SECONDS),
        trigger=AfterWatermark(late=AfterCount(1)),
        accumulation_mode=AccumulationMode.DISCARDING,
        # Holds the watermark back to the events, so that what follows does not see them as late.
        timestamp_combiner=TimestampCombiner.OUTPUT_AT_EARLIEST,
        allowed_lateness=JOIN_LATENESS_SECONDS,
    )


def group_by_type(events: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    """Split a chunk by event type."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.event_type, []).append(event)
    yield from groups.items()


def decode_rows(group: tuple[str, list[Event]], event_type: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of the group if it is of this type."""
    if group[0] == event_type:
        for event in group[1]:
            yield orjson.loads(event.row)


def key_failure(
    failed: tuple[str, dict[str, Any], Any], event_type: str
) -> tuple[str, tuple[dict[str, Any], Any]]:
    """Turn stock's (table, row, errors) into (event_type, (row, errors))."""
    return event_type, failed[1:]


def row_errors(errors: str | Iterable[Mapping[str, str]]) -> list[RowError]:
    """Read stock's errors: BigQuery's own list, or a sentence for a row it did not even send."""
    if isinstance(errors, str):
        return [RowError(0, RowTooLarge.reason, "", errors)]
    return [
        RowError(0, error.get("reason", "unknown"), error.get("location") or "", error.get("message") or "")
        for error in errors
    ]


class _SplitByOutcome(beam.DoFn):
    """Input: (event_type, {"handed": chunks, "failed": (row, errors)}) of a window."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock

    def process(self, outcome: tuple[str, dict[str, Iterable[Any]]]) -> Iterator[Any]:
        event_type, sides = outcome
        failed = {row["event_id"]: (row, errors) for row, errors in sides["failed"]}
        written: list[Event] = []
        refused: list[DeadLetter] = []
        matched: set[str] = set()
        for events in sides["handed"]:
            for event in events:
                if event.event_id in failed:
                    matched.add(event.event_id)
                    refused.append(dead_letter(event, row_errors(failed[event.event_id][1]), self.clock()))
                else:
                    written.append(event)
        refused += [
            dead_letter(_event_of_row(event_type, row), row_errors(errors), self.clock())
            for event_id, (row, errors) in failed.items()
            if event_id not in matched
        ]
        if written:
            yield written
        if refused:
            yield beam.pvalue.TaggedOutput(REFUSED, refused)


def _event_of_row(event_type: str, row: Mapping[str, Any]) -> Event:
    payload = orjson.dumps(row)
    attributes = {"event_type": event_type, "event_id": row["event_id"]}
    return Event(
        event_type,
        row["event_id"],
        row["schema_version"],
        payload,
        0,
        0,
        0,
        False,
        RawMessage(payload, attributes, None, None),
    )
