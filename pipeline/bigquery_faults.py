"""What BigQuery's answers mean: which faults pass, which are the rows', which are the table's."""

from __future__ import annotations

import enum
from typing import NamedTuple

import google.auth.exceptions
import requests.exceptions
from google.api_core.exceptions import GoogleAPICallError, RetryError

from pipeline.errors import PipelineError

INSERT_ERRORS: tuple[type[Exception], ...] = (
    GoogleAPICallError,
    google.auth.exceptions.GoogleAuthError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.JSONDecodeError,
    requests.exceptions.Timeout,
)
"""What a streaming insert raises when the request fails as a whole."""
QUERY_ERRORS: tuple[type[Exception], ...] = (RetryError, *INSERT_ERRORS)
"""What a query raises when it cannot be had."""

PASSING_REASONS = frozenset(
    {"backendError", "internalError", "quotaExceeded", "rateLimitExceeded", "tableUnavailable", "timeout"}
)
"""Reasons of BigQuery's, for a request or a row, that say nothing about the data."""

RESENT_ROW_REASONS = PASSING_REASONS | {"stopped"}
"""Reasons with which a row was not written, but not for its own sake: `stopped` means that another
row of the request was invalid."""

_TOO_LARGE_REQUEST = "payload size exceeds the limit"
_TOO_LARGE_ROW = "row size exceeded"
_NOT_A_TABLE = "Cannot add rows to a table of type"


class BigQueryUnavailable(PipelineError):
    """BigQuery took no rows for as long as we were ready to wait; the same rows may succeed later."""


class TableNotWritable(PipelineError):
    """The table is missing or closed to us; no row is at fault and somebody has to mend it."""


class Kind(enum.Enum):
    """Whose fault a refused request is, and so what to do."""

    PASSING = "wait and send the same request again"
    ROWS = "some row spoils the request: halve it to find out which"
    TOO_LARGE = "halve the request; a single row that is too large is refused"
    LASTING = "raise: the table, the permission or the credentials have to be mended"


class Fault(NamedTuple):
    """A request that was refused as a whole."""

    kind: Kind
    reason: str
    """BigQuery's reason, or the name of the error where there is none."""
    message: str
    retry_after_seconds: float = 0.0


def fault_of(error: Exception) -> Fault:
    """Say what one of INSERT_ERRORS means."""
    if isinstance(error, GoogleAPICallError):
        return _answered(error)
    if isinstance(error, google.auth.exceptions.GoogleAuthError):
        kind = Kind.PASSING if error.retryable else Kind.LASTING
        return Fault(kind, type(error).__name__, str(error))
    return Fault(Kind.PASSING, type(error).__name__, str(error))


def is_too_large(message: str) -> bool:
    """Return whether BigQuery's message about a row says that it is too large."""
    return _TOO_LARGE_ROW in message


def _answered(error: GoogleAPICallError) -> Fault:
    details = [detail for detail in error.errors if isinstance(detail, dict)]
    reason = str(details[0].get("reason", "")) if details else ""
    message = str(details[0].get("message", "")) if details else ""
    return Fault(
        _kind(int(error.code or 0), reason, message or error.message),
        reason or f"HTTP {error.code}",
        message or error.message,
        _retry_after_seconds(error),
    )


def _kind(status: int, reason: str, message: str) -> Kind:
    # A request just over the limit gets a 400 in JSON, one far over it a 413 in HTML.
    if status == 413 or (status == 400 and _TOO_LARGE_REQUEST in message):
        return Kind.TOO_LARGE
    # Before the status: quota errors share 403 with refused permissions.
    if reason in PASSING_REASONS or status in (408, 429):
        return Kind.PASSING
    if _NOT_A_TABLE in message:
        return Kind.LASTING
    if status == 400 or (status == 500 and reason == "invalid"):
        return Kind.ROWS
    return Kind.PASSING if status >= 500 else Kind.LASTING


def _retry_after_seconds(error: GoogleAPICallError) -> float:
    # The header's other form, a date, is not used by Google's services: our own backoff serves there.
    value = error.response.headers.get("Retry-After", "") if error.response is not None else ""
    return float(value) if value.isdecimal() else 0.0
