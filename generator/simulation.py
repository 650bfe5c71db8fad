"""The simulation: everything the shop sends, in the order it is published."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterator

from generator.agenda import Agenda, Draft
from generator.carts import Cart
from generator.chance import between, stream
from generator.clock import ProcessClock, step_us
from generator.deliveries import Deliveries
from generator.fraud import Fraud
from generator.incidents import FRAUD_BURST, STOCK_OUT, Conditions
from generator.instants import SECOND_US
from generator.messages import Message, MessageWriter
from generator.noise import Noise
from generator.orders import Orders
from generator.plan import Plan, Rates
from generator.rhythm import busyness, day_busyness
from generator.shop import Shop
from generator.timeline import Timeline
from generator.visitors import Visitors
from generator.vocabulary import ACTIVITY, INVENTORY, ORDER, Vocabulary
from pipeline.contract import Contract

__all__ = ["Plan", "Simulation"]

DUPLICATE_DELAY_SECONDS = (0.1, 4.0)
CARTS_KEPT = 256


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
        self._plan = plan
        self._timeline = Timeline(plan.incidents)
        self._changes_us = [plan.start_us + change for change in self._timeline.changes_us()]
        self._noise = Noise(plan.seed, plan.noise)
        self._agendas = self._start(words, rates, run)
        self._duplicate_probability = rates.duplicate_probability
        self._writer = MessageWriter(
            words,
            plan.seed,
            run,
            rates.malformed_probability,
            plan.lag_us,
            plan.old_version_share,
        )
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
        first, *others = self._agendas
        while True:
            agenda, now_us = first, first.next_us
            for other in others:
                if other.next_us < now_us:
                    agenda, now_us = other, other.next_us
            if duplicates and duplicates[0][0] <= now_us:
                due_us, _, message = heapq.heappop(duplicates)
                publish_us = due_us + self._postponed_us + self._plan.lag_us
                yield message._replace(publish_us=publish_us, is_duplicate=True, is_late=False)
                continue
            draft = agenda.do_next()
            if draft is None:
                continue
            conditions = None
            if self._plan.incidents:
                conditions = self._conditions(now_us)
                draft = self._kept_out_of_silence(draft, now_us)
            message = self._writer.write(draft, now_us + self._postponed_us, conditions)
            if message.fault is None and self._rng.random() < self._duplicate_probability:
                count += 1
                due_us = now_us + int(between(self._rng, *DUPLICATE_DELAY_SECONDS) * SECOND_US)
                heapq.heappush(duplicates, (due_us, count, message))
            yield message

    def _kept_out_of_silence(self, draft: Draft, now_us: int) -> Draft:
        """Take an order's lateness away if it would lie in a silence, whose label says there is none."""
        if not draft.age_us or draft.event_type != ORDER:
            return draft
        silent = self._conditions(now_us - draft.age_us).order_speed == 0.0
        return draft._replace(age_us=0) if silent else draft

    def _start(self, words: Vocabulary, rates: Rates, run: str) -> list[Agenda]:
        """Start the processes that make the plan's event types; return their agendas."""
        plan = self._plan
        shop = Shop(plan.seed, plan.customers, plan.products, plan.warehouses)
        carts: deque[Cart] = deque(maxlen=CARTS_KEPT)
        agendas = []
        kinds = {incident.kind for incident in plan.incidents}
        if ORDER in plan.event_types or INVENTORY in plan.event_types:
            deliveries = Deliveries(plan.incidents, plan.seed, plan.start_us, shop)
            orders = Orders(
                shop,
                words,
                self._clock(self._order_speed),
                carts,
                deliveries,
                seed=plan.seed,
                run=run,
                event_types=plan.event_types,
                orders_per_second=rates.orders_per_second,
                order_seconds=plan.order_seconds,
                late_probability=rates.late_probability,
            )
            agendas.append(orders.agenda)
            if STOCK_OUT in kinds:
                agendas.append(deliveries.agenda)
            if FRAUD_BURST in kinds and ORDER in plan.event_types:
                fraud = Fraud(
                    shop,
                    words,
                    self._clock(self._fraud_speed),
                    plan.incidents,
                    seed=plan.seed,
                    start_us=plan.start_us,
                    orders_per_second=rates.orders_per_second,
                    new_order_id=orders.new_order_id,
                )
                agendas.append(fraud.agenda)
        if ACTIVITY in plan.event_types:
            visitors = Visitors(
                shop,
                words,
                self._clock(self._visitor_speed),
                carts,
                seed=plan.seed,
                run=run,
                sessions_per_second=rates.sessions_per_second,
                late_probability=rates.late_probability,
            )
            agendas.append(visitors.agenda)
        return agendas

    def _clock(self, speed_at: Callable[[int], float]) -> ProcessClock:
        return ProcessClock(self._plan.start_us, speed_at, self._changes_us, step_us(self._plan.rate))

    def _order_speed(self, instant_us: int) -> float:
        return self._busyness("orders", instant_us) * self._conditions(instant_us).order_speed

    def _visitor_speed(self, instant_us: int) -> float:
        return self._busyness("visitors", instant_us) * self._conditions(instant_us).visitor_speed

    def _fraud_speed(self, instant_us: int) -> float:
        odds = self._conditions(instant_us).fraud_odds
        return odds * self._order_speed(instant_us) if odds else 0.0

    def _busyness(self, process: str, instant_us: int) -> float:
        plan = self._plan
        return (
            busyness(instant_us, plan.rhythm_amplitude)
            * day_busyness(instant_us, plan.weekly_amplitude)
            * self._noise.factor(process, instant_us)
        )

    def _conditions(self, instant_us: int) -> Conditions:
        return self._timeline.at(instant_us - self._plan.start_us)
