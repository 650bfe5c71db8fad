"""How long an outage was, and how long it took to get over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from local.chaos.expected import Expected


class Times(NamedTuple):
    """In seconds; None where there was no outage."""

    outage_seconds: float | None
    recovery_seconds: float | None
    """From the end of the outage until everything published during it is back."""
    all_back_seconds: float | None
    """The same for everything published until then."""


NO_OUTAGE = Times(None, None, None)


def times(
    outage: tuple[float, float], expected: Expected, back_at: Mapping[str, float], held_up_seconds: float
) -> Times:
    """Measure, from the times (seconds since the epoch) at which messages were back, by id.

    What is published up to `held_up_seconds` after the outage counts as published during it.
    """
    start, end = outage
    published_at = {
        message_id: message.published_at
        for message_id, message in expected.messages.items()
        if message_id in back_at
    }
    during = [
        back_at[message_id] - end
        for message_id, at in published_at.items()
        if start <= at <= end + held_up_seconds
    ]
    until = [back_at[message_id] - end for message_id, at in published_at.items() if at <= end]
    return Times(end - start, max([0.0, *during]), max([0.0, *until]))


def rows_back_at(expected: Expected, written_at: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """When the row of each message was written; a message that makes none is left out."""
    rows = {message_id: expected.row_of(message_id) for message_id in expected.messages}
    return {
        message_id: written_at[row]
        for message_id, row in rows.items()
        if row is not None and row in written_at
    }
