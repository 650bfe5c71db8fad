"""Deliveries that do not come: which products an incident keeps from which warehouse, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from generator.agenda import Agenda, Draft
from generator.chance import pick, stream
from generator.clock import SteadyClock
from generator.incidents import STOCK_OUT, Incident
from generator.shop import Shop, product_ids


class StockOut(NamedTuple):
    """One warehouse that waits for its deliveries; times in µs after the start of the simulation."""

    start_us: int
    end_us: int
    warehouse_id: str
    product_ids: frozenset[str]


def stock_out_of(
    incident: Incident, seed: int, warehouses: Sequence[str], products: Sequence[str]
) -> StockOut:
    """Draw what an incident of the kind stock_out is about: one warehouse, FACTOR of the products."""
    rng = stream(seed, f"stock_out:{incident.start_us}:{incident.end_us}")
    warehouse_id = pick(rng, warehouses)
    shuffled = sorted(products, key=lambda product_id: (rng.random(), product_id))
    count = max(1, round(incident.factor * len(products)))
    return StockOut(incident.start_us, incident.end_us, warehouse_id, frozenset(shuffled[:count]))


class Deliveries:
    """Knows until when a delivery has to wait, and keeps what waits.

    Deliveries come on a clock of their own: an incident that ends at an instant ends then, however few
    orders there are.
    """

    def __init__(self, incidents: Iterable[Incident], seed: int, start_us: int, shop: Shop) -> None:
        """Follow the stock-outs among `incidents` of a simulation that starts at `start_us`."""
        self._start_us = start_us
        self._clock = SteadyClock(start_us)
        self.agenda = Agenda(self._clock)
        self._stock_outs = [
            stock_out_of(incident, seed, shop.warehouses, product_ids(len(shop.products)))
            for incident in incidents
            if incident.kind == STOCK_OUT
        ]

    def held_until_us(self, warehouse_id: str, product_id: str, now_us: int) -> int | None:
        """Return the instant at which what holds a delivery back now ends; None if it can come now."""
        elapsed_us = now_us - self._start_us
        ends_us = [
            each.end_us
            for each in self._stock_outs
            if each.start_us <= elapsed_us < each.end_us
            and each.warehouse_id == warehouse_id
            and product_id in each.product_ids
        ]
        return self._start_us + max(ends_us) if ends_us else None

    def wait_until(self, instant_us: int, step: Callable[[float], Draft | None]) -> None:
        """Do `step` at an instant."""
        self.agenda.add(self._clock.own_seconds(instant_us), step)
        self.agenda.look_ahead()
