"""Everything that can go wrong and that somebody can mend: the file, the flags, the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class ContractError(NamedTuple):
    """One thing that is wrong with a message."""

    path: str
    """JSON Pointer to the offending value; empty for the whole message."""
    rule: str
    """The rule that was broken, such as `required`, `type`, `enum` or `minimum`."""
    message: str
    """A sentence for the producer's engineer."""


class PipelineError(Exception):
    """Base of the errors this project raises on purpose; `str()` is one sentence for a person."""


class ContractFileError(PipelineError):
    """`schemas.json` is wrong; the message says where and how to mend it."""


class UsageError(PipelineError):
    """A flag or the environment is wrong; nothing has been started."""


class Rejected(PipelineError):
    """A message or row that does not reach its table: a fault of the data, or an outage; never of the code.

    One subclass per `reason`: the same word is the counter's name, the dead letter's attribute and
    the row in the docs.
    """

    reason: ClassVar[str]

    def __init__(self, errors: Sequence[ContractError], event_type: str | None = None) -> None:
        """Keep all `errors` (at least one) and the event type, if the message said a known one."""
        super().__init__(errors, event_type)
        self.errors = tuple(errors)
        self.event_type = event_type

    def __str__(self) -> str:
        """Return the reason with the first error, for logs."""
        first = self.errors[0]
        return f"{self.reason}: {first.message}"


# The payload cannot be read as one JSON object.


class EmptyPayload(Rejected):
    """The payload has no bytes."""

    reason = "empty_payload"


class PayloadTooLarge(Rejected):
    """The payload is larger than the 10 MB that Pub/Sub carries."""

    reason = "payload_too_large"


class NotUtf8(Rejected):
    """The payload is not UTF-8, or starts with a byte order mark."""

    reason = "not_utf8"


class MalformedJson(Rejected):
    """The payload is not JSON: NaN, a trailing comma and text after the object included."""

    reason = "malformed_json"


class NestingTooDeep(Rejected):
    """The payload nests deeper than 100 levels."""

    reason = "nesting_too_deep"


class LoneSurrogate(Rejected):
    """A string holds half of a surrogate pair, which no UTF-8 text can hold."""

    reason = "lone_surrogate"


class DuplicateKey(Rejected):
    """An object holds the same key twice."""

    reason = "duplicate_key"


class NumberOutOfRange(Rejected):
    """A number overflows a double, or an integer does not fit in 64 bits."""

    reason = "number_out_of_range"


class NotAnObject(Rejected):
    """The payload is JSON, but not an object."""

    reason = "not_an_object"


# The object does not say well what it is.


class UnknownEventType(Rejected):
    """The event type is missing or not in the contract."""

    reason = "unknown_event_type"


class InvalidEventId(Rejected):
    """The event id is not a string of 1 to 128 characters."""

    reason = "invalid_event_id"


class InvalidSchemaVersion(Rejected):
    """The schema version is not a whole number above zero."""

    reason = "invalid_schema_version"


class UnsupportedSchemaVersion(Rejected):
    """The schema version is newer than the contract's."""

    reason = "unsupported_schema_version"


# The event breaks its table's contract.


class MissingField(Rejected):
    """A required field is absent."""

    reason = "missing_field"


class WrongType(Rejected):
    """A value has another JSON type than its column."""

    reason = "wrong_type"


class InvalidValue(Rejected):
    """A value breaks its column's check, such as `enum` or `minimum`."""

    reason = "invalid_value"


class InvalidTimestamp(Rejected):
    """A timestamp is not RFC 3339, or leaves the years 0001 to 9999 in UTC."""

    reason = "invalid_timestamp"


class UnexpectedField(Rejected):
    """A field is not declared, or may only be set by the pipeline."""

    reason = "unexpected_field"


class EventTimeInFuture(Rejected):
    """The event time lies further after the publish time than a clock can be wrong."""

    reason = "event_time_in_future"


# The event keeps the contract, and the warehouse still cannot hold it.


class RefusedByBigQuery(Rejected):
    """BigQuery refused the row."""

    reason = "refused_by_bigquery"


class RowTooLarge(Rejected):
    """The row is larger than a BigQuery request can carry."""

    reason = "row_too_large"


class BigQueryOutage(Rejected):
    """BigQuery took no rows for the table, and the pipeline was told not to wait."""

    reason = "bigquery_unavailable"


def in_one_line(error: Exception) -> str:
    """What an error says, for the sentence that a user reads."""
    return " ".join(str(error).split())[:300] or type(error).__name__
