"""The simulation: everything the shop sends, in the order it is published."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from generator.chance import between, stream
from generator.clock import ProcessClock
from generator.incidents import Conditions, Incident, conditions_at
from generator.instants import SECOND_US
from generator.messages import Message, MessageWriter
from generator.orders import MOVEMENTS_PER_ORDER, Orders
from generator.rhythm import busyness
from generator.shop import Shop
from generator.visitors import ACTIVITIES_PER_SESSION, Visitors
from generator.vocabulary import Vocabulary
from pipeline.contract import Contract

ORDER_SHARE = 0.4
"""Order events among all events."""
DUPLICATE_DELAY_SECONDS = (0.1, 4.0)


@dataclass(frozen=True)
class Plan:
    """What to simulate. Shares are of all messages; times in µs since 1970-01-01 UTC."""

    start_us: int
    seed: int = 1
    rate: float = 420.0
    """Messages per second, on average over the day."""
    customers: int = 5_000
    products: int = 500
    warehouses: int = 3
    order_seconds: float = 60.0
    rhythm_amplitude: float = 0.0
    malformed_share: float = 0.0
    duplicate_share: float = 0.0
    late_share: float = 0.0
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
        events_per_second = plan.rate * once_share
        orders_per_event = ORDER_SHARE / statuses
        activity_share = 1.0 - ORDER_SHARE - orders_per_event * MOVEMENTS_PER_ORDER
        return cls(
            orders_per_second=events_per_second * orders_per_event,
            sessions_per_second=events_per_second * activity_share / ACTIVITIES_PER_SESSION,
            malformed_probability=_ratio(plan.malformed_share, once_share),
            duplicate_probability=_ratio(plan.duplicate_share, valid_share),
            late_probability=_ratio(plan.late_share, valid_share * (orders_per_event + activity_share)),
        )


def _ratio(part: float, whole: float) -> float:
    if part == 0.0:
        return 0.0
    return part / whole if whole > 0.0 else math.inf


class Simulation:
    """Merges orders, visitors and duplicates in time. The same plan gives the same messages.

    Memory holds what is under way (open orders, sessions, duplicates of the last seconds), so it
    depends on the rate but not on how long the simulation runs.
    """

    def __init__(self, plan: Plan, contract: Contract) -> None:
        """Draw the shop and what is under way at the start."""
        words = Vocabulary(contract)
        rates = Rates.of(plan, len(words.statuses))
        # The start is part of every id: two runs are two days of the shop, not one day twice.
        run = hashlib.sha256(f"{plan.seed}:{plan.start_us}".encode()).hexdigest()[:8]
        shop = Shop(plan.seed, plan.customers, plan.products, plan.warehouses)
        self._plan = plan
        self._duplicate_probability = rates.duplicate_probability
        self._orders = Orders(
            shop,
            words,
            self._clock(
                lambda instant_us: self._busyness(instant_us) * self._conditions(instant_us).order_speed
            ),
            seed=plan.seed,
            run=run,
            orders_per_second=rates.orders_per_second,
            order_seconds=plan.order_seconds,
            late_probability=rates.late_probability,
        )
        self._visitors = Visitors(
            shop,
            words,
            self._clock(
                lambda instant_us: self._busyness(instant_us) * self._conditions(instant_us).visitor_speed
            ),
            self._orders,
            seed=plan.seed,
            run=run,
            sessions_per_second=rates.sessions_per_second,
            late_probability=rates.late_probability,
        )
        self._writer = MessageWriter(words, plan.seed, run, rates.malformed_probability, plan.lag_us)
        self._rng = stream(plan.seed, "duplicates")
        self._postponed_us = 0

    def postpone(self, by_us: int) -> None:
        """Let everything that is still to come happen later: the publisher could not keep up."""
        self._postponed_us += by_us

    @property
    def postponed_us(self) -> int:
        """How much later than planned things happen by now."""
        return self._postponed_us

    def messages(self) -> Iterator[Message]:
        """Yield messages by publish time, without end; may only be called once."""
        duplicates: list[tuple[int, int, Message]] = []
        count = 0
        orders, visitors = self._orders.agenda, self._visitors.agenda
        while True:
            agenda = orders if orders.next_us <= visitors.next_us else visitors
            now_us = agenda.next_us
            if duplicates and duplicates[0][0] <= now_us:
                due_us, _, message = heapq.heappop(duplicates)
                publish_us = due_us + self._postponed_us + self._plan.lag_us
                yield message._replace(publish_us=publish_us, is_duplicate=True, is_late=False)
                continue
            draft = agenda.do_next()
            if draft is None:
                continue
            conditions = self._conditions(now_us) if self._plan.incidents else None
            message = self._writer.write(draft, now_us + self._postponed_us, conditions)
            if message.fault is None and self._rng.random() < self._duplicate_probability:
                count += 1
                due_us = now_us + int(between(self._rng, *DUPLICATE_DELAY_SECONDS) * SECOND_US)
                heapq.heappush(duplicates, (due_us, count, message))
            yield message

    def _clock(self, speed_at: Callable[[int], float]) -> ProcessClock:
        plan = self._plan
        ends = [end for incident in plan.incidents for end in (incident.start_us, incident.end_us)]
        return ProcessClock(plan.start_us, speed_at, [plan.start_us + end for end in ends])

    def _busyness(self, instant_us: int) -> float:
        return busyness(instant_us, self._plan.rhythm_amplitude)

    def _conditions(self, instant_us: int) -> Conditions:
        return conditions_at(self._plan.incidents, instant_us - self._plan.start_us)
