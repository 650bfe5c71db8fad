"""The calendar of promotions: when more orders than usual are no anomaly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from pipeline.errors import UsageError
from pipeline.rfc3339 import parse_rfc3339_us


class Promotion(NamedTuple):
    """A time for which more orders are expected."""

    start_us: int
    end_us: int
    factor: float
    """How many times the usual orders may come."""


class Calendar(NamedTuple):
    """The promotions that were announced."""

    promotions: tuple[Promotion, ...]

    def factor(self, start_us: int, end_us: int) -> float:
        """How many times the usual a window may hold: the largest factor of those that touch it, or 1."""
        factors = (
            each.factor for each in self.promotions if each.start_us < end_us and start_us < each.end_us
        )
        return max(factors, default=1.0)


NO_PROMOTIONS = Calendar(())


def read_calendar(content: bytes, name: str) -> Calendar:
    """The calendar in a JSON array of {"start", "end", "factor"}, in RFC 3339; other keys are ignored.

    Raises UsageError, which names what is wrong.
    """
    try:
        entries = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{name} is not JSON: {error}.") from None
    if not isinstance(entries, list):
        raise UsageError(f"{name} is not a JSON array of promotions.")
    return Calendar(tuple(_promotions(entries, name)))


def _promotions(entries: list[Any], name: str) -> Iterable[Promotion]:
    for position, entry in enumerate(entries):
        where = f"Promotion {position + 1} of {name}"
        if not isinstance(entry, dict):
            raise UsageError(f"{where} is not a JSON object.")
        times = []
        for key in ("start", "end"):
            try:
                times.append(parse_rfc3339_us(entry[key]))
            except KeyError:
                raise UsageError(f"{where} has no {key!r}: give an RFC 3339 time.") from None
            except (TypeError, ValueError):
                raise UsageError(f"{where} has a {key!r} that is no RFC 3339 time: {entry[key]!r}.") from None
        if times[0] >= times[1]:
            raise UsageError(f"{where} ends before it starts.")
        factor = entry.get("factor")
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor <= 1_000:
            raise UsageError(f"{where} needs a 'factor' from 1 to 1000, not {factor!r}.")
        yield Promotion(times[0], times[1], float(factor))
