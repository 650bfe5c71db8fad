"""Streaming inserts into BigQuery that know a bad row from a bad day.

`insert_rows` returns only when every row is either in the table or refused for its own sake. It
raises BigQueryUnavailable or TableNotWritable otherwise, and then rows may or may not have been
written: send all of them again, their insert ids let BigQuery drop the second copy.

With settings that say `on_outage` it raises neither: rows that BigQuery does not take in time are
reported as `unwritten`.
"""

from __future__ import annotations

import concurrent.futures
import functools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.cloud import bigquery

from pipeline.bigquery_client import bigquery_client, insert_all
from pipeline.bigquery_faults import (
    INSERT_ERRORS,
    RESENT_ROW_REASONS,
    Fault,
    Kind,
    fault_of,
    is_too_large,
)
from pipeline.bigquery_patience import GivingUp, Waiting
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
from pipeline.errors import BigQueryOutage, RowTooLarge
from pipeline.sink_circuit import circuit_of


def insert_rows(
    client: bigquery.Client, table: str, rows: Sequence[Row], settings: InsertSettings
) -> InsertReport:
    """Write `rows` into `table` (`project.dataset.table`) and say which ones BigQuery refused.

    Raises: BigQueryUnavailable, TableNotWritable; neither if `settings.on_outage` is set.
    """
    insertion = _Insertion(client, table, settings)
    encoded = (encode_row(position, row) for position, row in enumerate(rows))
    for batch in batches(insertion.refuse_too_large(encoded), settings):
        insertion.send(batch)
    return insertion.report()


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
        self.unwritten: list[RowError] = []
        self.circuit = None if settings.on_outage is None else circuit_of(table, settings.on_outage)
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
        """Send until every row of the batch is written, refused or given up."""
        patience = self._patience()
        while batch:
            if not patience.may_send():
                return self._give_up(batch)
            refused_count = len(self.errors)
            try:
                insert_errors = self._request(batch)
                again = self._settle(batch, insert_errors)
            except INSERT_ERRORS as error:
                fault = fault_of(error)
                if fault.kind in (Kind.ROWS, Kind.TOO_LARGE):
                    patience.answered()
                    return self._halve(batch, fault)
                if not patience.may_send_again(fault, error):
                    return self._give_up(batch)
            except BaseException:
                # Also an answer that cannot be read: else nobody would ever be let in again.
                patience.undecided()
                raise
            else:
                batch = again
                # Rows that were only `stopped` by a refused one need not wait: it is gone.
                if not batch or len(self.errors) > refused_count:
                    patience.answered()
                elif not patience.may_send_again(_row_fault(insert_errors)):
                    return self._give_up(batch)
            if batch:
                self.retry_count += 1
        return None

    def report(self) -> InsertReport:
        """What became of all rows, and what is to be told of the table's circuit."""
        self.errors.sort(key=lambda error: error.position)
        news = () if self.circuit is None else tuple(self.circuit.take_news())
        return InsertReport(self.errors, self.retry_count, self.request_ms, tuple(self.unwritten), news)

    def _patience(self) -> Waiting | GivingUp:
        if self.circuit is None or self.settings.on_outage is None:
            return Waiting(self.table, self.settings)
        return GivingUp(self.table, self.circuit, self.settings.on_outage)

    def _give_up(self, batch: list[EncodedRow]) -> None:
        fault = "" if self.circuit is None else self.circuit.fault
        message = f"BigQuery did not take the row for {self.table}, the last request failed with {fault}"
        self.unwritten += [RowError(row.position, BigQueryOutage.reason, "", message) for row in batch]

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


def _row_fault(insert_errors: Sequence[Mapping[str, Any]]) -> Fault:
    # The message is left out: one about a row may quote a value of it.
    return Fault(Kind.PASSING, insert_errors[0]["errors"][0]["reason"], "for single rows")
