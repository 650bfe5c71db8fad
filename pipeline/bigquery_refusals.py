"""From BigQuery's word on a row to our dead letter.

BigQuery's messages may quote the value that it refuses, and the value may be personal. So of a message only
what is known to quote nothing is taken over; the location says where to look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.bigquery_faults import Fault
from pipeline.bigquery_rows import RowError
from pipeline.elements import DeadLetter, Event
from pipeline.errors import BigQueryOutage, ContractError, RefusedByBigQuery, RowTooLarge

STAGE = "bigquery"
OUTAGE_STAGE = "bigquery_unavailable"
STAGES = (STAGE, OUTAGE_STAGE)
"""Those behind de-duplication: the event's id is remembered by then."""

# From the beginning of a message, since a value that stands further in may say the same.
_QUOTES_NOTHING = re.compile(
    r"no such field(: [\w.\[\]]+)?\.?"
    r"|Missing required field(: [\w.\[\]]+)?\.?"
    r"|(Cannot|Could not) convert (value|string)"
    r"( to (integer|floating point|numeric|boolean|timestamp|string|bytes|record))?( \(bad value\))?\.?"
    r"|Array specified for non-repeated field"
    r"|Repeated field must be imported as a JSON array"
    r"|Only optional fields can be set to NULL"
    r"|(Maximum allowed )?row size exceeded(: [\d,]+)?"
    r"|The row takes [\d,]+ bytes, more than BigQuery accepts in one request\."
    r"|Not found: (Project|Dataset|Table) [\w.:-]*\w"
    r"|Access Denied: (Project|Dataset|Table) [\w.:-]*\w"
    r"|(Quota exceeded|Exceeded rate limits)",
    re.ASCII | re.IGNORECASE,
)
_OUT_OF_BOUNDS = "is outside the allowed bounds"
"""Stands behind the value. It says nothing of it, wherever it stands."""


def dead_letter(event: Event, errors: Iterable[RowError], failed_at_us: int) -> DeadLetter:
    """Return the dead letter of an event whose row was refused or given up."""
    contract_errors = tuple(
        ContractError(json_pointer(error.location), error.reason, _message(error)) for error in errors
    )
    stage, reason = _why({error.rule for error in contract_errors})
    return DeadLetter(
        message=event.message,
        stage=stage,
        reason=reason,
        errors=contract_errors,
        event_type=event.event_type,
        failed_at_us=failed_at_us,
    )


def _why(rules: set[str]) -> tuple[str, str]:
    """(stage, reason)."""
    if BigQueryOutage.reason in rules:
        return OUTAGE_STAGE, BigQueryOutage.reason
    return STAGE, RowTooLarge.reason if RowTooLarge.reason in rules else RefusedByBigQuery.reason


def _message(error: RowError) -> str:
    # An outage is told in words of our own, about a whole request.
    return error.message if error.reason == BigQueryOutage.reason else without_values(error.message)


def without_values(message: str) -> str:
    """Return what BigQuery says of a row as far as it cannot quote a value of the row."""
    return _known(message) or "BigQuery's message is not shown, since it may quote a value."


def reason_without_values(fault: Fault) -> str:
    """Return why a request failed, as far as it cannot quote a value of its rows: the reason at least."""
    known = _known(fault.message)
    return f"{fault.reason}: {known}" if known else fault.reason


def _known(message: str) -> str:
    found = _QUOTES_NOTHING.match(message)
    if found is not None:
        return found[0]
    return _OUT_OF_BOUNDS if _OUT_OF_BOUNDS in message else ""


def json_pointer(location: str) -> str:
    """Turn BigQuery's `items[0].quantity` into the JSON Pointer `/items/0/quantity`."""
    return "".join(f"/{step}" for step in re.split(r"[.\[\]]+", location) if step)


def errors_by_position(errors: Iterable[RowError]) -> dict[int, list[RowError]]:
    """Return the errors of each refused row."""
    grouped: dict[int, list[RowError]] = {}
    for error in errors:
        grouped.setdefault(error.position, []).append(error)
    return grouped
