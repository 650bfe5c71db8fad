"""How long an answer asks us to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 3_600.0
"""The longest pause that is believed: beyond it the trigger would give the alert up before the pause ends."""


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds of a Retry-After header, given in seconds or as a date; 0 without a legible one."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]+", value):
        return MAX_SECONDS if len(value) > 9 else min(float(value), MAX_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), MAX_SECONDS)
