"""How long an outage was, and how long it took to get over it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from local.chaos.expected import Expected


class Times(NamedTuple):
    """In seconds; None where there was nothing to measure, infinite where something never came back."""

    outage_seconds: float | None
    recovery_seconds: float | None
    """From the end of the outage until everything published during it is back."""
    all_back_seconds: float | None
    """The same for everything published until then."""


NEVER = math.inf
NO_OUTAGE = Times(None, None, None)


def times(
    outage: tuple[float, float], expected: Expected, back_at: Mapping[str, float], held_up_seconds: float
) -> Times:
    """Measure, from the times (seconds since the epoch, or NEVER) at which messages were back, by id.

    A message that is not in `back_at` has no time of its own. What is published up to `held_up_seconds`
    after the outage counts as published during it.
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
    return Times(end - start, _last(during), _last(until))


def rows_back_at(expected: Expected, written_at: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """When the row of each message was written, or NEVER; a message that is to make none is left out."""
    rows = {message_id: expected.row_of(message_id) for message_id in expected.messages}
    return {message_id: written_at.get(row, NEVER) for message_id, row in rows.items() if row is not None}


def _last(seconds: Sequence[float]) -> float | None:
    """The longest; what was back before the outage ended took no time."""
    return max(0.0, *seconds) if seconds else None
