"""Rows on their way to BigQuery: how they are encoded, cut into requests and reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from pipeline.sink_circuit import CircuitSettings, OutageNews

ENVELOPE_BYTES = 64
"""More than what a request holds beside its rows and their commas."""


class InsertSettings(NamedTuple):
    """How rows are sent."""

    max_batch_rows: int = 500
    """Rows in a request; BigQuery advises 500 and ends at 50,000."""
    max_batch_bytes: int = 9_000_000
    """Bytes of a request's body, and so of a row; BigQuery ends at 10 MB for both."""
    request_timeout_seconds: float = 30.0
    max_retry_seconds: float = 120.0
    """How long one request is tried before BigQueryUnavailable is raised."""
    base_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 32.0
    on_outage: CircuitSettings | None = None
    """When rows are given up; None: never, whoever sends them waits and then raises."""


class Row(NamedTuple):
    """A row to be written."""

    insert_id: str
    """At most 128 characters; BigQuery drops a second row with the same id for about a minute."""
    json: bytes
    """The row as a JSON object, column by column."""


class RowError(NamedTuple):
    """One thing that is wrong with a row; a row may have several."""

    position: int
    """Which of the rows given, from 0."""
    reason: str
    """BigQuery's reason, mostly `invalid`, or `row_too_large`."""
    location: str
    """BigQuery's name of the column, such as `items[0].quantity`; empty for the whole row."""
    message: str


class InsertReport(NamedTuple):
    """What became of the rows: those neither among the errors nor unwritten are in the table."""

    errors: list[RowError]
    """Ordered by position."""
    retry_count: int
    """Requests that were sent again."""
    request_ms: list[int]
    """How long each request took."""
    unwritten: tuple[RowError, ...] = ()
    """Rows that were given up, which are not at fault; none without `on_outage`."""
    news: tuple[OutageNews, ...] = ()
    """What is to be told of the table's circuit."""


class EncodedRow(NamedTuple):
    """A row as it stands in the request."""

    position: int
    body: bytes


def encode_row(position: int, row: Row) -> EncodedRow:
    """Return the row as insertAll wants it; its JSON is taken over as it is."""
    return EncodedRow(position, b'{"insertId":%b,"json":%b}' % (orjson.dumps(row.insert_id), row.json))


def fits_request(row: EncodedRow, settings: InsertSettings) -> bool:
    """Return whether the row fits into a request of its own."""
    return ENVELOPE_BYTES + len(row.body) + 1 <= settings.max_batch_bytes


def batches(rows: Iterable[EncodedRow], settings: InsertSettings) -> Iterator[list[EncodedRow]]:
    """Cut rows, none of which is larger than a request, into requests within the limits."""
    batch: list[EncodedRow] = []
    batch_bytes = ENVELOPE_BYTES
    for row in rows:
        row_bytes = len(row.body) + 1
        if batch and (
            len(batch) == settings.max_batch_rows or batch_bytes + row_bytes > settings.max_batch_bytes
        ):
            yield batch
            batch, batch_bytes = [], ENVELOPE_BYTES
        batch.append(row)
        batch_bytes += row_bytes
    if batch:
        yield batch
