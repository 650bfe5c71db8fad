"""Streaming inserts into BigQuery that know a bad row from a bad day.

`insert_rows` returns only when every row is either in the table or refused for its own sake. It
raises BigQueryUnavailable or TableNotWritable otherwise, and then rows may or may not have been
written: send all of them again, their insert ids let BigQuery drop the second copy.
"""

from __future__ import annotations

import concurrent.futures
import functools
import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.cloud import bigquery

from pipeline.bigquery_client import bigquery_client, insert_all
from pipeline.bigquery_faults import (
    INSERT_ERRORS,
    RESENT_ROW_REASONS,
    BigQueryUnavailable,
    Fault,
    Kind,
    TableNotWritable,
    fault_of,
    is_too_large,
)
from pipeline.bigquery_rows import (
    EncodedRow,
    InsertReport,
    InsertSettings,
    Row,
    RowError,
    batches,
    encode_row,
    fits_request,
)
from pipeline.errors import RowTooLarge

_LOGGER = logging.getLogger(__name__)


def insert_rows(
    client: bigquery.Client, table: str, rows: Sequence[Row], settings: InsertSettings
) -> InsertReport:
    """Write `rows` into `table` (`project.dataset.table`) and say which ones BigQuery refused.

    Raises: BigQueryUnavailable, TableNotWritable.
    """
    insertion = _Insertion(client, table, settings)
    encoded = (encode_row(position, row) for position, row in enumerate(rows))
    for batch in batches(insertion.refuse_too_large(encoded), settings):
        insertion.send(batch)
    insertion.errors.sort(key=lambda error: error.position)
    return InsertReport(insertion.errors, insertion.retry_count, insertion.request_ms)


def insert_concurrently(
    rows_by_table: Mapping[str, list[Row]], settings: InsertSettings
) -> dict[str, InsertReport]:
    """Write to several tables at once and wait for all of them.

    Raises: BigQueryUnavailable, TableNotWritable; also then no request is left under way.
    """
    if len(rows_by_table) <= 1:
        return {table: _insert(table, rows, settings) for table, rows in rows_by_table.items()}
    reports = {
        table: _threads().submit(_insert, table, rows, settings) for table, rows in rows_by_table.items()
    }
    concurrent.futures.wait(reports.values())
    return {table: report.result() for table, report in reports.items()}


def _insert(table: str, rows: list[Row], settings: InsertSettings) -> InsertReport:
    return insert_rows(
        bigquery_client(bigquery.TableReference.from_string(table).project), table, rows, settings
    )


@functools.lru_cache(maxsize=1)
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    """Return this process's threads for requests, which spend their time waiting."""
    return concurrent.futures.ThreadPoolExecutor(max_workers=64, thread_name_prefix="bigquery-insert")


class _Insertion:
    """The state of one `insert_rows`."""

    def __init__(self, client: bigquery.Client, table: str, settings: InsertSettings) -> None:
        self.client = client
        self.table = table
        self.settings = settings
        self.errors: list[RowError] = []
        self.retry_count = 0
        self.request_ms: list[int] = []

    def refuse_too_large(self, rows: Iterable[EncodedRow]) -> Iterator[EncodedRow]:
        """Pass on the rows that fit into a request of their own."""
        for row in rows:
            if fits_request(row, self.settings):
                yield row
            else:
                self._refuse_as_too_large(row)

    def send(self, batch: list[EncodedRow]) -> None:
        """Send until every row of the batch is written or refused."""
        retries = _Retries(self.table, self.settings)
        while batch:
            try:
                insert_errors = self._request(batch)
            except INSERT_ERRORS as error:
                fault = fault_of(error)
                if fault.kind is Kind.LASTING:
                    raise TableNotWritable(
                        f"BigQuery does not let us write to {self.table} ({fault.reason}: {fault.message}): "
                        "create the table from schemas.json or grant this job's account "
                        "roles/bigquery.dataEditor on its dataset."
                    ) from error
                if fault.kind is not Kind.PASSING:
                    return self._halve(batch, fault)
                retries.wait(fault, error)
            else:
                refused_count = len(self.errors)
                batch = self._settle(batch, insert_errors)
                # Rows that were only `stopped` by a refused one need not wait: it is gone.
                if batch and len(self.errors) == refused_count:
                    retries.wait(_row_fault(insert_errors))
            if batch:
                self.retry_count += 1
        return None

    def _request(self, batch: list[EncodedRow]) -> Sequence[Mapping[str, Any]]:
        started = time.monotonic()
        try:
            return insert_all(
                self.client, self.table, [row.body for row in batch], self.settings.request_timeout_seconds
            )
        finally:
            self.request_ms.append(round((time.monotonic() - started) * 1000))

    def _halve(self, batch: list[EncodedRow], fault: Fault) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            self.send(batch[:middle])
            self.send(batch[middle:])
        elif fault.kind is Kind.TOO_LARGE:
            self._refuse_as_too_large(batch[0])
        else:
            self.errors.append(RowError(batch[0].position, fault.reason, "", fault.message))

    def _settle(
        self, batch: list[EncodedRow], insert_errors: Sequence[Mapping[str, Any]]
    ) -> list[EncodedRow]:
        """Keep the errors of the refused rows and return the rows that have to be sent again."""
        errors_by_position: dict[int, list[Mapping[str, Any]]] = {}
        for entry in insert_errors:
            errors_by_position.setdefault(int(entry["index"]), []).extend(entry.get("errors") or [{}])
        again = []
        for position, errors in errors_by_position.items():
            row = batch[position]
            own = [error for error in errors if error.get("reason") not in RESENT_ROW_REASONS]
            if not own:
                again.append(row)
            for error in own:
                message = error.get("message") or "BigQuery does not say why."
                reason = RowTooLarge.reason if is_too_large(message) else error.get("reason") or "unknown"
                self.errors.append(RowError(row.position, reason, error.get("location") or "", message))
        return again

    def _refuse_as_too_large(self, row: EncodedRow) -> None:
        message = f"The row takes {len(row.body):,} bytes, more than BigQuery accepts in one request."
        self.errors.append(RowError(row.position, RowTooLarge.reason, "", message))


class _Retries:
    """Waits between attempts: exponential with full jitter, for a limited time.

    No wait is longer than what has passed already: so what an outage has held up is written, after its
    end, within no more time than it lasted.
    """

    def __init__(self, table: str, settings: InsertSettings) -> None:
        self.table = table
        self.settings = settings
        self.started = time.monotonic()
        self.deadline = self.started + settings.max_retry_seconds
        self.ceiling_seconds = settings.base_backoff_seconds

    def wait(self, fault: Fault, cause: Exception | None = None) -> None:
        """Sleep before the next attempt, or raise BigQueryUnavailable if there is no time for one."""
        now = time.monotonic()
        ceiling_seconds = min(
            self.ceiling_seconds, max(now - self.started, self.settings.base_backoff_seconds)
        )
        delay_seconds = max(random.uniform(0, ceiling_seconds), fault.retry_after_seconds)
        if now + delay_seconds > self.deadline:
            raise BigQueryUnavailable(
                f"BigQuery has not taken the rows for {self.table} in {self.settings.max_retry_seconds:g} s "
                f"({fault.reason}: {fault.message}): nothing is acknowledged, they will come again."
            ) from cause
        _LOGGER.warning("%s: %s; next attempt in %.1f s.", self.table, fault.reason, delay_seconds)
        self.ceiling_seconds = min(2 * self.ceiling_seconds, self.settings.max_backoff_seconds)
        time.sleep(delay_seconds)


def _row_fault(insert_errors: Sequence[Mapping[str, Any]]) -> Fault:
    first = insert_errors[0]["errors"][0]
    return Fault(Kind.PASSING, first["reason"], first.get("message") or "for single rows")
