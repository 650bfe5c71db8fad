"""Incidents: what goes wrong in the shop, when, and how it shows; and the labels that say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from generator.instants import SECOND_US
from generator.vocabulary import ACTIVITY, INVENTORY, ORDER

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
        self.fraud_odds = 0.0
        """Fraudulent orders for each order of a customer."""


def _by_factor(factor: float) -> str:
    return "up" if factor > 1 else "down"


class Kind(NamedTuple):
    """A kind of incident."""

    summary: str
    default_factor: float
    factor_is: str
    """What the factor means, with its range, for the flag's errors and help."""
    allows: Callable[[float], bool]
    bend: Callable[[Conditions, float, float], None]
    """(conditions, factor, progress): progress goes from 0 at the start to 1 at the end."""
    affects: Mapping[str, list[str]]
    """What it shows in: event types and metrics, as the tables name them."""
    direction: Callable[[float], str] = _by_factor
    """Which way the factor moves the metrics, up or down."""
    is_anomaly: bool = True
    """Whether a detector should raise an alert; False for what the shop has announced itself."""
    is_gradual: bool = False
    """Whether `bend` does different things from the start to the end."""


def _order_rate(conditions: Conditions, factor: float, progress: float) -> None:
    conditions.order_speed *= factor


def _rate_of_everything(conditions: Conditions, factor: float, progress: float) -> None:
    conditions.order_speed *= factor
    conditions.visitor_speed *= factor


def _drifting_order_rate(conditions: Conditions, factor: float, progress: float) -> None:
    conditions.order_speed *= 1.0 + (factor - 1.0) * progress


def _fraudulent_orders(conditions: Conditions, factor: float, progress: float) -> None:
    conditions.fraud_odds += factor / (1.0 - factor)


def _missing_deliveries(conditions: Conditions, factor: float, progress: float) -> None:
    """Bend nothing here: what is missing depends on the product and the warehouse, see `deliveries.py`."""


def _broken_orders(conditions: Conditions, factor: float, progress: float) -> None:
    intact = (1.0 - conditions.broken_share.get(ORDER, 0.0)) * (1.0 - factor)
    conditions.broken_share[ORDER] = 1.0 - intact


ORDER_SPIKE, ORDER_DROP, BAD_DEPLOY = "order_spike", "order_drop", "bad_deploy"
SILENCE, ORDER_DRIFT, FRAUD_BURST = "silence", "order_drift", "fraud_burst"
STOCK_OUT, PROMOTION = "stock_out", "promotion"

_SALES = {"event_types": [ORDER], "metrics": ["order_count", "revenue"]}

KINDS: Mapping[str, Kind] = {
    ORDER_SPIKE: Kind(
        summary="orders come FACTOR times as often",
        default_factor=5.0,
        factor_is="a number above 1",
        allows=lambda factor: factor > 1,
        bend=_order_rate,
        affects=_SALES,
    ),
    ORDER_DROP: Kind(
        summary="only FACTOR of the orders come; 0 is silence",
        default_factor=0.2,
        factor_is="a number from 0 to below 1",
        allows=lambda factor: 0 <= factor < 1,
        bend=_order_rate,
        affects=_SALES,
    ),
    BAD_DEPLOY: Kind(
        summary="a release breaks FACTOR of the order events, all in the same way",
        default_factor=0.5,
        factor_is="a share above 0 and up to 1",
        allows=lambda factor: 0 < factor <= 1,
        bend=_broken_orders,
        affects={"event_types": [ORDER], "metrics": ["validity_rate"]},
    ),
    SILENCE: Kind(
        summary="no order comes, and nothing happens to those under way",
        default_factor=0.0,
        factor_is="0 (or nothing)",
        allows=lambda factor: factor == 0,
        bend=_order_rate,
        affects=_SALES,
    ),
    ORDER_DRIFT: Kind(
        summary="orders come more and more, or less and less, often, at last FACTOR times",
        default_factor=0.5,
        factor_is="a number above 0 other than 1",
        allows=lambda factor: factor > 0 and factor != 1,
        bend=_drifting_order_rate,
        affects=_SALES,
        is_gradual=True,
    ),
    FRAUD_BURST: Kind(
        summary="FACTOR of the orders placed are fraud: a few new customers, many units, one address",
        default_factor=0.1,
        factor_is="a share above 0 and up to 0.9",
        allows=lambda factor: 0 < factor <= 0.9,
        bend=_fraudulent_orders,
        affects={"event_types": [ORDER], "metrics": ["revenue", "average_order_value"]},
        direction=lambda factor: "up",
    ),
    STOCK_OUT: Kind(
        summary="no delivery of FACTOR of the products reaches one of the warehouses",
        default_factor=1.0,
        factor_is="a share above 0 and up to 1",
        allows=lambda factor: 0 < factor <= 1,
        bend=_missing_deliveries,
        affects={"event_types": [INVENTORY], "metrics": ["stock"]},
    ),
    PROMOTION: Kind(
        summary="an announced promotion: orders and visitors come FACTOR times as often; no anomaly",
        default_factor=2.0,
        factor_is="a number above 1",
        allows=lambda factor: factor > 1,
        bend=_rate_of_everything,
        affects={**_SALES, "event_types": [ORDER, ACTIVITY]},
        is_anomaly=False,
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
