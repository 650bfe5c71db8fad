"""What to simulate, and what that asks of the shop's processes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generator.incidents import Incident
from generator.orders import MOVEMENTS_PER_ORDER
from generator.visitors import ACTIVITIES_PER_SESSION
from generator.vocabulary import ACTIVITY, EVENT_TYPES, INVENTORY, ORDER

ORDER_SHARE = 0.4
"""Order events among all events."""


@dataclass(frozen=True)
class Plan:
    """What to simulate. Shares are of all messages; times in µs since 1970-01-01 UTC."""

    start_us: int
    seed: int = 1
    rate: float = 420.0
    """Messages per second, on average over the week."""
    event_types: tuple[str, ...] = EVENT_TYPES
    """What is made at all; the rate is the rate of these."""
    customers: int = 5_000
    products: int = 500
    warehouses: int = 3
    order_seconds: float = 60.0
    rhythm_amplitude: float = 0.0
    weekly_amplitude: float = 0.0
    noise: float = 0.0
    """Relative standard deviation by which the rates wander."""
    malformed_share: float = 0.0
    duplicate_share: float = 0.0
    late_share: float = 0.0
    old_version_share: float = 0.0
    """Of the intact user activity, not of all messages."""
    incidents: tuple[Incident, ...] = ()
    lag_us: int = 0
    """How far the simulated time lies behind the time of publishing."""


@dataclass(frozen=True)
class Rates:
    """What the processes must do per second so that all together reach the plan's rate and shares."""

    orders_per_second: float
    sessions_per_second: float
    malformed_probability: float
    """Per event the shop causes."""
    duplicate_probability: float
    """Per valid event."""
    late_probability: float
    """Per event that may come late: new orders and activity. Beyond 1, the plan cannot be kept."""

    @classmethod
    def of(cls, plan: Plan, statuses: int) -> Rates:
        """Work the rates out; an order passes through so many `statuses`."""
        once_share = 1.0 - plan.duplicate_share
        valid_share = once_share - plan.malformed_share
        orders_per_event = ORDER_SHARE / statuses
        movement_share = orders_per_event * MOVEMENTS_PER_ORDER
        activity_share = 1.0 - ORDER_SHARE - movement_share
        shares = {ORDER: ORDER_SHARE, INVENTORY: movement_share, ACTIVITY: activity_share}
        made_share = 1.0 - sum(share for name, share in shares.items() if name not in plan.event_types)
        may_be_late = {ORDER: orders_per_event, ACTIVITY: activity_share}
        late_share = sum(share for name, share in may_be_late.items() if name in plan.event_types)
        events_per_second = plan.rate * once_share / made_share
        return cls(
            orders_per_second=events_per_second * orders_per_event,
            sessions_per_second=events_per_second * activity_share / ACTIVITIES_PER_SESSION,
            malformed_probability=_ratio(plan.malformed_share, once_share),
            duplicate_probability=_ratio(plan.duplicate_share, valid_share),
            late_probability=_ratio(plan.late_share, valid_share * late_share / made_share),
        )


def _ratio(part: float, whole: float) -> float:
    if part == 0.0:
        return 0.0
    return part / whole if whole > 0.0 else math.inf
