"""Questions to a dataset in SQL, answered a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.api_core.exceptions import BadRequest, Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.bigquery_faults import QUERY_ERRORS, BigQueryUnavailable
from pipeline.errors import UsageError, in_one_line

PATIENCE_SECONDS = 60.0


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

        Raises UsageError for a table that is missing or closed to us, BigQueryUnavailable.
        """
        config = bigquery.QueryJobConfig(query_parameters=list(parameters), use_query_cache=False)
        try:
            yield from self._client.query(
                question,
                job_config=config,
                retry=DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS),
                job_retry=DEFAULT_JOB_RETRY.with_timeout(PATIENCE_SECONDS),
            ).result(page_size=self._page_rows, retry=DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS))
        except (NotFound, BadRequest) as error:
            raise UsageError(
                f"--bq_dataset={self.dataset} lacks a table, view or column of schemas.json: "
                f"{in_one_line(error)}"
            ) from error
        except Forbidden as error:
            raise UsageError(f"--bq_dataset={self.dataset} cannot be read: {in_one_line(error)}") from error
        except QUERY_ERRORS as error:
            raise BigQueryUnavailable(
                f"--bq_dataset={self.dataset} cannot be read: {in_one_line(error)}"
            ) from error

    def check(self, tables: Sequence[str]) -> None:
        """Raise UsageError if one of `tables`, or of the views, is not there or cannot be read."""
        for table in tables:
            for _ in self.ask(f"SELECT 1 FROM {self.name(table)} LIMIT 0"):
                pass


def strings(name: str, values: Iterable[str]) -> Any:
    """A query parameter: an array of STRING."""
    return bigquery.ArrayQueryParameter(name, "STRING", list(values))
