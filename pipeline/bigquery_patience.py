"""How long one request is tried: until BigQuery takes it, or until it is given up."""

from __future__ import annotations

import logging
import random
import time

from pipeline.bigquery_faults import BigQueryUnavailable, Fault, Kind, TableNotWritable
from pipeline.bigquery_refusals import reason_without_values
from pipeline.bigquery_rows import InsertSettings
from pipeline.sink_circuit import Circuit, CircuitSettings, is_dataset_away

_LOGGER = logging.getLogger(__name__)


class Waiting:
    """Waits for a limited time, exponentially with full jitter, and then raises: nothing is acknowledged."""

    def __init__(self, table: str, settings: InsertSettings) -> None:
        self.table = table
        self.settings = settings
        self.started = time.monotonic()
        self.ceiling_seconds = settings.base_backoff_seconds

    def may_send(self) -> bool:
        """Whether the request may be sent now."""
        return True

    def answered(self) -> None:
        """The request was answered."""

    def undecided(self) -> None:
        """The request has ended otherwise."""

    def may_send_again(self, fault: Fault, cause: Exception | None = None) -> bool:
        """Sleep before the next attempt.

        Raises TableNotWritable if none can be of use, BigQueryUnavailable if there is no time for one.
        """
        if fault.kind is Kind.LASTING:
            raise TableNotWritable(
                f"BigQuery does not let us write to {self.table} ({fault.reason}: {fault.message}): "
                "create the table from schemas.json or grant this job's account "
                "roles/bigquery.dataEditor on its dataset."
            ) from cause
        waited_seconds = time.monotonic() - self.started
        # No longer than it has lasted: so what follows an outage never takes longer than the outage.
        ceiling_seconds = min(self.ceiling_seconds, max(waited_seconds, self.settings.base_backoff_seconds))
        delay_seconds = max(random.uniform(0, ceiling_seconds), fault.retry_after_seconds)
        if waited_seconds + delay_seconds > self.settings.max_retry_seconds:
            raise BigQueryUnavailable(
                f"BigQuery has not taken the rows for {self.table} in {self.settings.max_retry_seconds:g} s "
                f"({fault.reason}: {fault.message}): nothing is acknowledged, they will come again."
            ) from cause
        _LOGGER.warning("%s: %s; next attempt in %.1f s.", self.table, fault.reason, delay_seconds)
        self.ceiling_seconds = min(2 * self.ceiling_seconds, self.settings.max_backoff_seconds)
        time.sleep(delay_seconds)
        return True


class GivingUp:
    """Sends a request a few times, and only as far as the table's circuit lets it through."""

    def __init__(self, table: str, circuit: Circuit, settings: CircuitSettings) -> None:
        self.table = table
        self.circuit = circuit
        self.settings = settings
        self.sent_again = 0
        self.era = 0

    def may_send(self) -> bool:
        """Whether the request may be sent now; if so, tell what became of it."""
        era = self.circuit.enter()
        if era is not None:
            self.era = era
        return era is not None

    def answered(self) -> None:
        """The request was answered."""
        self.circuit.answered(self.era)

    def undecided(self) -> None:
        """The request has ended otherwise."""
        self.circuit.undecided(self.era)

    def may_send_again(self, fault: Fault, cause: Exception | None = None) -> bool:
        """Sleep before the next attempt, or return False at once if there is to be none."""
        self.circuit.failed(self.era, reason_without_values(fault), fault.kind is Kind.LASTING)
        delay_seconds = max(self.settings.retry_seconds * 2**self.sent_again, fault.retry_after_seconds)
        if (
            self.sent_again == self.settings.retry_count
            or not self.circuit.is_closed
            or fault.retry_after_seconds > self.settings.open_seconds
            # Who has waited for one table need not wait for each of the others as well.
            or is_dataset_away(self.table)
        ):
            _LOGGER.warning("%s: %s; its rows are given up.", self.table, fault.reason)
            return False
        _LOGGER.warning("%s: %s; next attempt in %.1f s.", self.table, fault.reason, delay_seconds)
        self.sent_again += 1
        time.sleep(delay_seconds)
        return True
