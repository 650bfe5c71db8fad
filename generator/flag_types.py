"""What the text of a flag must be: each raises ArgumentTypeError with the rest of a sentence."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from generator.incidents import Incident, parse_incident
from generator.instants import instant_us
from generator.vocabulary import EVENT_TYPES


def number(
    convert: Callable[[str], float], what: str, allows: Callable[[float], bool]
) -> Callable[[str], float]:
    """Return a reader of numbers that `allows` allows; `what` names them in the error."""

    def read(text: str) -> float:
        try:
            value = convert(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}") from None
        if not allows(value):
            raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}")
        return value

    return read


def whole(low: int, high: int) -> Callable[[str], float]:
    """Return a reader of whole numbers."""
    return number(int, f"a whole number from {low} to {high}", lambda value: low <= value <= high)


def start(text: str) -> int:
    """Read an instant with its offset."""
    try:
        return instant_us(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be RFC 3339 with an offset, not {text!r}") from None


def incident(text: str) -> Incident:
    """Read `KIND@START+DURATION[xFACTOR]`."""
    try:
        return parse_incident(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def event_types(text: str) -> tuple[str, ...]:
    """Read event types with commas between them; return them in the shop's order."""
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in EVENT_TYPES]:
        raise argparse.ArgumentTypeError(
            f"must be some of {','.join(EVENT_TYPES)} with commas between, not {unknown[0]!r}"
        )
    return tuple(name for name in EVENT_TYPES if name in names)
