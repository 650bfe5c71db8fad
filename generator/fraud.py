"""Fraud: orders that nobody means to pay for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from generator.agenda import Agenda, Draft
from generator.carts import usual_cart_cents
from generator.chance import between, pick, stream, wait
from generator.clock import ProcessClock
from generator.incidents import FRAUD_BURST, Incident
from generator.orders import order_fields
from generator.shop import Line, Shop, customer_id
from generator.vocabulary import ORDER, Vocabulary

ACCOUNTS = 5
"""Fresh customers of one burst."""
UNITS = (5, 10)
"""Units of a line: from 5 to 9."""
DEAREST_PRODUCTS = 5
TIMES_THE_USUAL = 12.0
"""A fraudulent order is worth at least so many times the usual one."""


def fraud_customer_ids(incidents: Sequence[Incident], burst: Incident, customers: int) -> list[str]:
    """Return who orders in a burst of `incidents`: customers a shop of `customers` has never seen."""
    bursts = [incident for incident in incidents if incident.kind == FRAUD_BURST]
    first = customers + bursts.index(burst) * ACCOUNTS
    return [customer_id(number) for number in range(first, first + ACCOUNTS)]


class _Ring(NamedTuple):
    """Who is behind a burst; times in µs since 1970-01-01 UTC."""

    start_us: int
    end_us: int
    customer_ids: list[str]
    address: Mapping[str, str]


class Fraud:
    """Places fraudulent orders on a clock that only runs during a burst.

    They stay in payment review: each is one `pending` event, without another status and without a
    movement of stock, so that nothing is left of a burst when it ends.
    """

    def __init__(
        self,
        shop: Shop,
        words: Vocabulary,
        clock: ProcessClock,
        incidents: Sequence[Incident],
        *,
        seed: int,
        start_us: int,
        orders_per_second: float,
        new_order_id: Callable[[], str],
    ) -> None:
        """Prepare the bursts among `incidents` of a simulation that starts at `start_us`."""
        self.agenda = Agenda(clock)
        self._words = words
        self._rng = stream(seed, "fraud")
        self._gap_seconds = 1.0 / orders_per_second
        self._new_order_id = new_order_id
        self._rings = [
            _Ring(
                start_us + burst.start_us,
                start_us + burst.end_us,
                fraud_customer_ids(incidents, burst, shop.customers),
                pick(self._rng, shop.addresses),
            )
            for burst in incidents
            if burst.kind == FRAUD_BURST
        ]
        self._dearest = sorted(shop.products, key=lambda product: -product.price_cents)[:DEAREST_PRODUCTS]
        self._least_cents = TIMES_THE_USUAL * usual_cart_cents(shop)
        self.agenda.add(wait(self._rng, self._gap_seconds), self._arrive)
        self.agenda.look_ahead()

    def _arrive(self, own_seconds: float) -> Draft:
        self.agenda.add(own_seconds + wait(self._rng, self._gap_seconds), self._arrive)
        now_us = self.agenda.now_us
        ring = pick(self._rng, [ring for ring in self._rings if ring.start_us <= now_us <= ring.end_us])
        order = order_fields(
            self._new_order_id(),
            pick(self._rng, ring.customer_ids),
            self._words.statuses[0],
            self._draw_lines(),
            ring.address,
        )
        return Draft(ORDER, order, 0)

    def _draw_lines(self) -> list[Line]:
        """Take so many units of the dearest products that the order is worth its trouble."""
        lines: list[Line] = []
        cents = 0
        while cents < self._least_cents:
            line = Line(pick(self._rng, self._dearest), int(between(self._rng, *UNITS)))
            cents += line.quantity * line.product.price_cents
            lines.append(line)
        return lines
