"""The erasure's questions to BigQuery, and its statements."""

from __future__ import annotations

from google.api_core.exceptions import BadRequest, Forbidden, NotFound

from pipeline.bigquery_client import table_id
from pipeline.bigquery_faults import QUERY_ERRORS, BigQueryUnavailable
from pipeline.bigquery_questions import PATIENCE_SECONDS, Questions, passes
from pipeline.erase.person import Person
from pipeline.erase.statements import Deletion, candidates
from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.replay.letters import attributes_of_row

PAGE_ROWS = 100
"""Rows of one answer, each with up to 1 MB of payload."""


class StillStreaming(PipelineError):
    """Rows were written so recently that BigQuery cannot delete them yet."""


class Warehouse(Questions):
    """A dataset with the tables of the contract."""

    def __init__(self, dataset: str) -> None:
        """Take `project:dataset`."""
        super().__init__(dataset, PAGE_ROWS)

    def count(self, deletion: Deletion) -> int:
        """Return how many rows a deletion finds; raises as `run`."""
        (row,) = self.ask(deletion.question(self.dataset))
        return int(row["n"])

    def letters_of(self, person: Person) -> set[str]:
        """Return the ids of dead letters about the person whose payload is in the table; raises as `run`."""
        found: set[str] = set()
        for row in self.ask(candidates(person, self.dataset)):
            if person.is_in(row["payload"] or b"", attributes_of_row(row)):
                found.add(row["dead_letter_id"])
        return found

    def run(self, statement: str) -> None:
        """Run a statement.

        Raises StillStreaming, UsageError for a table that is missing or closed to us, BigQueryUnavailable.
        """
        for _ in self.ask(statement):
            pass

    def has(self, table: str) -> bool:
        """Whether a table is there; raises as `run`."""
        try:
            self._client.get_table(table_id(self.dataset, table), timeout=PATIENCE_SECONDS)
        except NotFound:
            return False
        except QUERY_ERRORS as error:
            raise self.unanswered(error) from error
        return True

    def unanswered(self, error: Exception) -> PipelineError:
        """What to raise for one of QUERY_ERRORS."""
        return unanswered(self.dataset, error)


def unanswered(dataset: str, error: Exception) -> PipelineError:
    """What to raise for one of QUERY_ERRORS.

    What BigQuery says of a statement is not told: it may quote the person's ids.
    """
    said = f"--bq_dataset={dataset} cannot be read or changed"
    if isinstance(error, BadRequest):
        if is_still_streaming(error):
            return StillStreaming("BigQuery cannot delete rows yet that were written a moment ago")
        if passes(error):
            return BigQueryUnavailable(f"{said} just now.")
        return UsageError(
            f"--bq_dataset={dataset} refuses a statement: are its tables those of schemas.json?"
        )
    if isinstance(error, NotFound):
        return UsageError(f"--bq_dataset={dataset} is not there, or lacks a table of schemas.json.")
    if isinstance(error, Forbidden) and not passes(error):
        return UsageError(f"{said}: {in_one_line(error)}")
    return BigQueryUnavailable(f"{said}: {in_one_line(error)}")


def is_still_streaming(error: BadRequest) -> bool:
    """Whether BigQuery refuses a DELETE because of rows in its streaming buffer."""
    return "streaming buffer" in str(error).lower()
