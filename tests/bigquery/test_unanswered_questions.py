"""What is said when BigQuery answers a question with an error, and whether the caller can mend it."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import RetryError
from google.cloud.bigquery.job.base import _error_result_to_exception

from pipeline.bigquery_faults import BigQueryUnavailable
from pipeline.bigquery_questions import unanswered
from pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("reason", "kind", "said"),
    [
        ("quotaExceeded", BigQueryUnavailable, "cannot be read just now: "),
        ("resourcesExceeded", BigQueryUnavailable, "cannot be read just now: "),
        ("tableUnavailable", BigQueryUnavailable, "cannot be read just now: "),
        ("rateLimitExceeded", BigQueryUnavailable, "cannot be read just now: "),
        ("backendError", BigQueryUnavailable, "cannot be read just now: "),
        ("notFound", UsageError, "lacks a table, view or column of schemas.json: "),
        ("invalidQuery", UsageError, "lacks a table, view or column of schemas.json: "),
        ("accessDenied", UsageError, "cannot be read: "),
    ],
)
def test_reason_of_a_query_that_failed_tells_who_can_mend_it(
    reason: str, kind: type[Exception], said: str
) -> None:
    error = unanswered("shop:events", _error_result_to_exception({"reason": reason, "message": "It failed."}))
    assert type(error) is kind
    assert str(error).startswith(f"--bq_dataset=shop:events {said}")


def test_a_question_that_was_asked_in_vain_for_too_long_passes() -> None:
    assert (
        type(unanswered("shop:events", RetryError("Timeout of 60 s exceeded.", None))) is BigQueryUnavailable
    )
