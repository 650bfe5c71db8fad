"""Orders, from pending to delivered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from generator.agenda import Agenda, Draft
from generator.carts import LINES_PER_ORDER, UNITS_PER_LINE, Cart, draw_cart
from generator.chance import between, late_age_us, skewed, stream, wait
from generator.clock import ProcessClock
from generator.deliveries import Deliveries
from generator.shop import Line, Shop, customer_id
from generator.stock import RESTOCK_UNITS, Stock
from generator.vocabulary import INVENTORY, ORDER, Vocabulary

RETURN_SHARE = 0.05
DAMAGE_SHARE = 0.02

_RESTOCKS_PER_LINE = UNITS_PER_LINE * (1 + DAMAGE_SHARE - RETURN_SHARE) / RESTOCK_UNITS
MOVEMENTS_PER_ORDER = LINES_PER_ORDER * (1 + RETURN_SHARE + DAMAGE_SHARE + _RESTOCKS_PER_LINE)
"""Inventory events an order causes in the long run."""

_SPREAD = (0.5, 1.5)


class Orders:
    """Places orders at a steady rate on its own clock; each walks through all statuses.

    An order takes the newest cart a visitor filled. A cart that finds no order soon is abandoned;
    an order that finds no cart was placed without a visible session (by phone, say). Orders placed
    before the start are under way when it begins, so that the rates are level from the first second.
    """

    def __init__(
        self,
        shop: Shop,
        words: Vocabulary,
        clock: ProcessClock,
        carts: deque[Cart],
        deliveries: Deliveries,
        *,
        seed: int,
        run: str,
        event_types: Collection[str],
        orders_per_second: float,
        order_seconds: float,
        late_probability: float,
    ) -> None:
        """Prepare the orders under way; `order_seconds` is the mean time from pending to delivered.

        Only events of `event_types` are made: orders may come without movements of stock, and movements
        without orders.
        """
        self.agenda = Agenda(clock)
        self._shop, self._words, self._carts, self._run = shop, words, carts, run
        self._rng = stream(seed, "orders")
        self._stock = Stock(shop, words, self.agenda, deliveries, self._rng, run)
        self._tells_orders, self._tells_movements = ORDER in event_types, INVENTORY in event_types
        self._gap_seconds = 1.0 / orders_per_second
        self._order_seconds = order_seconds
        self._late_probability = late_probability
        self._placed = 0
        own_seconds = -_SPREAD[1] * order_seconds
        while own_seconds < 0.0:
            self._place(own_seconds)
            own_seconds += wait(self._rng, self._gap_seconds)
        self.agenda.add(own_seconds, self._arrive)
        self.agenda.look_ahead()

    def new_order_id(self) -> str:
        """Count one more order and return its id."""
        self._placed += 1
        return f"ord-{self._run}-{self._placed:07d}"

    def _arrive(self, own_seconds: float) -> Draft | None:
        self.agenda.add(own_seconds + wait(self._rng, self._gap_seconds), self._arrive)
        fields = self._place(own_seconds)
        if not self._tells_orders:
            return None
        # Only the first status may come late: its successors would overtake it in event time.
        return Draft(ORDER, fields, late_age_us(self._rng, self._late_probability))

    def _place(self, own_seconds: float) -> dict[str, Any]:
        """Plan an order's whole life and return its first status; steps before time 0 are left out."""
        rng, words = self._rng, self._words
        cart = self._next_cart()
        order = order_fields(
            self.new_order_id(),
            customer_id(cart.customer),
            words.statuses[0],
            cart.lines,
            self._shop.address(cart.customer),
        )
        moment = own_seconds
        if self._tells_movements:
            for line in cart.lines:
                self._plan(
                    moment + between(rng, 0.0, 0.02) * self._order_seconds, partial(self._stock.sell, line)
                )
        # Each step takes longer than the one before: 1, 2, 3 parts of the whole.
        parts = len(words.statuses) * (len(words.statuses) - 1) / 2
        for part, status in enumerate(words.statuses[1:], start=1):
            moment += part / parts * self._order_seconds * between(rng, *_SPREAD)
            if self._tells_orders:
                self._plan(moment, partial(_advance, order, status))
        if self._tells_movements:
            self._plan_what_goes_wrong(cart, moment)
        return dict(order)

    def _plan_what_goes_wrong(self, cart: Cart, delivered: float) -> None:
        rng = self._rng
        for line in cart.lines:
            fate = rng.random()
            if fate < RETURN_SHARE:
                self._plan(
                    delivered + between(rng, 0.1, 0.5) * self._order_seconds,
                    partial(self._stock.take_back, line),
                )
            elif fate < RETURN_SHARE + DAMAGE_SHARE:
                self._plan(delivered, partial(self._stock.break_down, line))

    def _next_cart(self) -> Cart:
        if self._carts:
            return self._carts.pop()
        return draw_cart(self._rng, self._shop, skewed(self._rng, self._shop.customers))

    def _plan(self, own_seconds: float, step: Callable[[float], Draft | None]) -> None:
        if own_seconds >= 0.0:
            self.agenda.add(own_seconds, step)


def order_fields(
    order_id: str, customer: str, status: str, lines: Sequence[Line], address: Mapping[str, str]
) -> dict[str, Any]:
    """Return everything the contract wants of an order but the event time."""
    return {
        "order_id": order_id,
        "customer_id": customer,
        "status": status,
        "total_amount": sum(line.quantity * line.product.price_cents for line in lines) / 100,
        "items": [_item(line) for line in lines],
        "shipping_address": address,
    }


def _advance(order: dict[str, Any], status: str, own_seconds: float) -> Draft:
    return Draft(ORDER, {**order, "status": status}, 0)


def _item(line: Line) -> dict[str, Any]:
    product = line.product
    return {
        "product_id": product.product_id,
        "product_name": product.name,
        "category": product.category,
        "quantity": line.quantity,
        "unit_price": product.price_cents / 100,
    }
