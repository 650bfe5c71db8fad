"""Strict casts: a value becomes another type only if nothing is guessed and nothing is lost."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.contract_rules import INT64_MAX, INT64_MIN
from pipeline.rfc3339 import MAX_US, MIN_US, format_rfc3339, parse_rfc3339_us
from pipeline.wording import kind_and_size

TYPES = ("string", "integer", "number", "boolean", "timestamp")
UNITS_US = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Microseconds in each unit of a count since 1970."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class CastError(ValueError):
    """The value cannot be cast; the message says its kind and size, since the value may be personal."""


def cast(value: Any, to: str, unit: str | None = None) -> Any:
    """Return `value` as one of TYPES; a timestamp is counted in `unit` since 1970.

    A value that has the type stays as it is. Raises CastError.
    """
    result = _timestamp(value, UNITS_US[unit or "s"]) if to == "timestamp" else _CASTS[to](value)
    if result is None:
        raise CastError(f"{kind_and_size(value)} is no {to}")
    return result


def _string(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    # A double has more than one spelling, and which of them an id was is not known.
    return value if isinstance(value, str) else None


def _integer(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    return value if type(value) is int and INT64_MIN <= value <= INT64_MAX else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        integer = _integer(value)
        if integer is not None:
            return integer
        value = float(value) if len(value) <= 400 and _NUMBER.fullmatch(value) else None
    return value if type(value) in (int, float) and math.isfinite(value) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value)
    return value if isinstance(value, bool) else None


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def _timestamp(value: Any, unit_us: int) -> str | None:
    if isinstance(value, str):
        try:
            parse_rfc3339_us(value)
        except ValueError:
            pass  # it may be a count
        else:
            return value
    count = _integer(value)
    if count is None or not MIN_US <= count * unit_us <= MAX_US:
        return None
    return format_rfc3339(count * unit_us)
