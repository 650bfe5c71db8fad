"""Incidents: what goes wrong in the shop, when, and how it shows; and the labels that say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from generator.instants import SECOND_US
from generator.vocabulary import ORDER

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPEC = re.compile(
    r"(?P<kind>[a-z_]+)"
    r"@(?P<start>\d+(?:\.\d+)?)(?P<start_unit>ms|s|m|h|d|)"
    r"\+(?P<duration>\d+(?:\.\d+)?)(?P<duration_unit>ms|s|m|h|d|)"
    r"(?:\s*x(?P<factor>\d+(?:\.\d+)?))?"
)


class Conditions:
    """What is bent at one moment; an incident kind changes what it affects."""

    def __init__(self) -> None:
        """Start with a shop where nothing is wrong."""
        self.order_speed = 1.0
        """Factor on the rate of orders and of the stock movements they cause."""
        self.visitor_speed = 1.0
        """Factor on the rate of user activity."""
        self.broken_share: dict[str, float] = {}
        """Event type -> share of its events that a bad release breaks, all in the same way."""


class Kind(NamedTuple):
    """A kind of incident."""

    summary: str
    default_factor: float
    factor_is: str
    """What the factor means, with its range, for the flag's errors and help."""
    allows: Callable[[float], bool]
    bend: Callable[[Conditions, float, float], None]
    """(conditions, factor, progress): progress goes from 0 at the start to 1 at the end."""
    affects: Mapping[str, object]
    """What a detector should notice: event types, metrics, direction (up or down)."""


def _order_rate(conditions: Conditions, factor: float, progress: float) -> None:
    conditions.order_speed *= factor


def _broken_orders(conditions: Conditions, factor: float, progress: float) -> None:
    intact = (1.0 - conditions.broken_share.get(ORDER, 0.0)) * (1.0 - factor)
    conditions.broken_share[ORDER] = 1.0 - intact


_SALES = {"event_types": [ORDER], "metrics": ["order_count", "revenue"]}

KINDS: Mapping[str, Kind] = {
    "order_spike": Kind(
        summary="orders come FACTOR times as often",
        default_factor=5.0,
        factor_is="a number above 1",
        allows=lambda factor: factor > 1,
        bend=_order_rate,
        affects={**_SALES, "direction": "up"},
    ),
    "order_drop": Kind(
        summary="only FACTOR of the orders come; 0 is silence",
        default_factor=0.2,
        factor_is="a number from 0 to below 1",
        allows=lambda factor: 0 <= factor < 1,
        bend=_order_rate,
        affects={**_SALES, "direction": "down"},
    ),
    "bad_deploy": Kind(
        summary="a release breaks FACTOR of the order events, all in the same way",
        default_factor=0.5,
        factor_is="a share above 0 and up to 1",
        allows=lambda factor: 0 < factor <= 1,
        bend=_broken_orders,
        affects={"event_types": [ORDER], "metrics": ["validity_rate"], "direction": "down"},
    ),
}


class Incident(NamedTuple):
    """One incident; times in µs after the start of the simulation."""

    kind: str
    start_us: int
    end_us: int
    factor: float


def parse_incident(text: str) -> Incident:
    """Read `KIND@START+DURATION[xFACTOR]`, such as `order_spike@30s+15s x5`; raises ValueError."""
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must look like order_spike@30s+15sx5 (units ms, s, m, h, d), not {text!r}")
    kind = KINDS.get(match["kind"])
    if kind is None:
        raise ValueError(f"names the unknown kind {match['kind']!r}; there are {', '.join(KINDS)}")
    factor = float(match["factor"]) if match["factor"] else kind.default_factor
    if not kind.allows(factor):
        raise ValueError(f"needs {kind.factor_is} as the factor of {match['kind']}, not {factor:g}")
    start_us = int(float(match["start"]) * _SECONDS[match["start_unit"]] * SECOND_US)
    duration_us = int(float(match["duration"]) * _SECONDS[match["duration_unit"]] * SECOND_US)
    if duration_us <= 0:
        raise ValueError(f"must last longer than nothing, not {text!r}")
    return Incident(match["kind"], start_us, start_us + duration_us, factor)


def conditions_at(incidents: Iterable[Incident], elapsed_us: int) -> Conditions:
    """Return what the incidents under way `elapsed_us` after the start do together."""
    conditions = Conditions()
    for incident in incidents:
        if incident.start_us <= elapsed_us < incident.end_us:
            progress = (elapsed_us - incident.start_us) / (incident.end_us - incident.start_us)
            KINDS[incident.kind].bend(conditions, incident.factor, progress)
    return conditions
