"""The erasure's questions to BigQuery, and its statements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.api_core.exceptions import BadRequest, Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.bigquery_faults import QUERY_ERRORS, BigQueryUnavailable
from pipeline.erase.person import Person
from pipeline.erase.statements import RAW_EVENTS, Deletion, candidates
from pipeline.errors import PipelineError, UsageError, in_one_line

PAGE_ROWS = 100
"""Rows of one answer, each with up to 1 MB of payload."""
PATIENCE_SECONDS = 60.0


class StillStreaming(PipelineError):
    """Rows were written so recently that BigQuery cannot delete them yet."""


class Warehouse:
    """A dataset with the tables of the contract."""

    def __init__(self, dataset: str) -> None:
        """Take `project:dataset`."""
        self.dataset = dataset
        self._client = bigquery_client(table_id(dataset, RAW_EVENTS).rsplit(".", 2)[0])

    def count(self, deletion: Deletion) -> int:
        """Return how many rows a deletion finds; raises as `run`."""
        (row,) = self._ask(deletion.question(self.dataset))
        return int(row["n"])

    def letters_of(self, person: Person) -> set[str]:
        """Return the ids of dead letters about the person whose payload is in the table; raises as `run`."""
        found: set[str] = set()
        for row in self._ask(candidates(person, self.dataset)):
            attributes = {each["key"]: each["value"] for each in row["attributes"]}
            if person.is_in(row["payload"] or b"", attributes):
                found.add(row["dead_letter_id"])
        return found

    def run(self, statement: str) -> None:
        """Run a statement.

        Raises StillStreaming, UsageError for a table that is missing or closed to us, BigQueryUnavailable.
        """
        for _ in self._ask(statement):
            pass

    def has(self, table: str) -> bool:
        """Whether a table is there; raises as `run`."""
        try:
            self._client.get_table(table_id(self.dataset, table), timeout=PATIENCE_SECONDS)
        except NotFound:
            return False
        except QUERY_ERRORS as error:
            raise self._closed(error) from error
        return True

    def _ask(self, question: str) -> Iterator[Any]:
        config = bigquery.QueryJobConfig(use_query_cache=False)
        try:
            yield from self._client.query(
                question,
                job_config=config,
                retry=DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS),
                job_retry=DEFAULT_JOB_RETRY.with_timeout(PATIENCE_SECONDS),
            ).result(page_size=PAGE_ROWS, retry=DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS))
        except BadRequest as error:
            if is_still_streaming(error):
                raise StillStreaming(
                    "BigQuery cannot delete rows yet that were written a moment ago"
                ) from error
            raise UsageError(
                f"--bq_dataset={self.dataset} refuses a statement: are its tables those of schemas.json?"
            ) from error
        except NotFound as error:
            raise UsageError(
                f"--bq_dataset={self.dataset} is not there, or lacks a table of schemas.json."
            ) from error
        except QUERY_ERRORS as error:
            raise self._closed(error) from error

    def _closed(self, error: Exception) -> PipelineError:
        said = f"--bq_dataset={self.dataset} cannot be read or changed: {in_one_line(error)}"
        return UsageError(said) if isinstance(error, Forbidden) else BigQueryUnavailable(said)


def is_still_streaming(error: BadRequest) -> bool:
    """Whether BigQuery refuses a DELETE because of rows in its streaming buffer."""
    return "streaming buffer" in str(error).lower()
