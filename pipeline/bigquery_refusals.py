"""From BigQuery's word on a row to our dead letter."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.bigquery_rows import RowError
from pipeline.elements import ContractError, DeadLetter, Event
from pipeline.errors import RefusedByBigQuery, RowTooLarge

STAGE = "bigquery"
UNAVAILABLE = "bigquery_unavailable"
STAGES = (STAGE, UNAVAILABLE)
"""Those behind de-duplication: the event's id is remembered by then."""


def dead_letter(event: Event, errors: Iterable[RowError], failed_at_us: int) -> DeadLetter:
    """Return the dead letter of an event whose row was refused."""
    contract_errors = tuple(
        ContractError(json_pointer(error.location), error.reason, error.message) for error in errors
    )
    too_large = any(error.rule == RowTooLarge.reason for error in contract_errors)
    return DeadLetter(
        message=event.message,
        stage=STAGE,
        reason=RowTooLarge.reason if too_large else RefusedByBigQuery.reason,
        errors=contract_errors,
        event_type=event.event_type,
        failed_at_us=failed_at_us,
    )


def json_pointer(location: str) -> str:
    """Turn BigQuery's `items[0].quantity` into the JSON Pointer `/items/0/quantity`."""
    return "".join(f"/{step}" for step in re.split(r"[.\[\]]+", location) if step)


def errors_by_position(errors: Iterable[RowError]) -> dict[int, list[RowError]]:
    """Return the errors of each refused row."""
    grouped: dict[int, list[RowError]] = {}
    for error in errors:
        grouped.setdefault(error.position, []).append(error)
    return grouped
