"""Questions to a dataset in SQL, answered a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.api_core.exceptions import BadRequest, Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.bigquery_faults import PASSING_REASONS, QUERY_ERRORS, BigQueryUnavailable, Kind, fault_of
from pipeline.errors import PipelineError, UsageError, in_one_line

PATIENCE_SECONDS = 60.0
_PASSING_REASONS = PASSING_REASONS | {
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "resourceInUse",
    "resourcesExceeded",
    "stopped",
}
"""Reasons for which a query ends that say nothing about the dataset or the account."""


class Questions:
    """Asks a dataset with the tables and views of the contract."""

    def __init__(self, dataset: str, page_rows: int) -> None:
        """Take `project:dataset`, and how many rows of an answer are in memory at a time."""
        self.dataset = dataset
        self._page_rows = page_rows
        self._client = bigquery_client(table_id(dataset, "any").rsplit(".", 2)[0])

    def name(self, table: str) -> str:
        """Return a table as SQL names it."""
        return f"`{table_id(self.dataset, table)}`"

    def ask(self, question: str, parameters: Iterable[Any] = ()) -> Iterator[Any]:
        """Yield the rows of the answer, a page at a time.

        Raises UsageError for a table that is missing or closed to us, BigQueryUnavailable for what passes.
        """
        config = bigquery.QueryJobConfig(query_parameters=list(parameters), use_query_cache=False)
        try:
            yield from self._client.query(
                question,
                job_config=config,
                retry=DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS),
                job_retry=DEFAULT_JOB_RETRY.with_timeout(PATIENCE_SECONDS),
            ).result(page_size=self._page_rows, retry=DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS))
        except QUERY_ERRORS as error:
            raise self.unanswered(error) from error

    def unanswered(self, error: Exception) -> PipelineError:
        """What to raise for one of QUERY_ERRORS."""
        return unanswered(self.dataset, error)

    def check(self, tables: Sequence[str]) -> None:
        """Raise UsageError if one of `tables`, which may be views, is not there or cannot be read."""
        for table in tables:
            for _ in self.ask(f"SELECT 1 FROM {self.name(table)} LIMIT 0"):
                pass


def unanswered(dataset: str, error: Exception) -> PipelineError:
    """What to raise for one of QUERY_ERRORS: UsageError if the caller can mend it, or BigQueryUnavailable."""
    if isinstance(error, (NotFound, BadRequest)) and not passes(error):
        return UsageError(
            f"--bq_dataset={dataset} lacks a table, view or column of schemas.json: {in_one_line(error)}"
        )
    if isinstance(error, Forbidden) and not passes(error):
        return UsageError(f"--bq_dataset={dataset} cannot be read: {in_one_line(error)}")
    return BigQueryUnavailable(f"--bq_dataset={dataset} cannot be read just now: {in_one_line(error)}")


def passes(error: Exception) -> bool:
    """Whether one of QUERY_ERRORS says nothing about the dataset or the account."""
    fault = fault_of(error)
    # The reason too: a quota shares 403 with a refused permission, a lack of memory 400 with a wrong query.
    return fault.kind is Kind.PASSING or fault.reason in _PASSING_REASONS


def strings(name: str, values: Iterable[str]) -> Any:
    """A query parameter: an array of STRING."""
    return bigquery.ArrayQueryParameter(name, "STRING", list(values))
