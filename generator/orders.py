"""Orders, from pending to delivered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

from generator.agenda import Agenda, Draft
from generator.chance import between, late_age_us, pick, skewed, stream, wait
from generator.clock import ProcessClock
from generator.shop import Line, Shop
from generator.stock import RESTOCK_UNITS, Stock
from generator.vocabulary import ORDER, Vocabulary

LINES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
"""Lines of a cart, all entries equally likely."""
QUANTITIES = (1, 1, 1, 2, 3)
"""Units of a line, all entries equally likely."""
RETURN_SHARE = 0.05
DAMAGE_SHARE = 0.02

LINES_PER_ORDER = sum(LINES) / len(LINES)
UNITS_PER_LINE = sum(QUANTITIES) / len(QUANTITIES)
_RESTOCKS_PER_LINE = UNITS_PER_LINE * (1 + DAMAGE_SHARE - RETURN_SHARE) / RESTOCK_UNITS
MOVEMENTS_PER_ORDER = LINES_PER_ORDER * (1 + RETURN_SHARE + DAMAGE_SHARE + _RESTOCKS_PER_LINE)
"""Inventory events an order causes in the long run."""

CARTS_KEPT = 256
_SPREAD = (0.5, 1.5)


class Cart(NamedTuple):
    """What a customer is about to order."""

    customer: int
    lines: tuple[Line, ...]


def draw_cart(rng: Random, shop: Shop, customer: int) -> Cart:
    """Fill a cart."""
    products = shop.products
    lines = (
        Line(products[skewed(rng, len(products))], pick(rng, QUANTITIES)) for _ in range(pick(rng, LINES))
    )
    return Cart(customer, tuple(lines))


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
        *,
        seed: int,
        run: str,
        orders_per_second: float,
        order_seconds: float,
        late_probability: float,
    ) -> None:
        """Prepare the orders under way; `order_seconds` is the mean time from pending to delivered."""
        self.agenda = Agenda(clock)
        self.carts: deque[Cart] = deque(maxlen=CARTS_KEPT)
        self._shop, self._words, self._run = shop, words, run
        self._rng = stream(seed, "orders")
        self._stock = Stock(shop, words, self.agenda, self._rng, run)
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

    def _arrive(self, own_seconds: float) -> Draft:
        self.agenda.add(own_seconds + wait(self._rng, self._gap_seconds), self._arrive)
        fields = self._place(own_seconds)
        # Only the first status may come late: its successors would overtake it in event time.
        return Draft(ORDER, fields, late_age_us(self._rng, self._late_probability))

    def _place(self, own_seconds: float) -> dict[str, Any]:
        """Plan an order's whole life and return its first status; steps before time 0 are left out."""
        rng, words = self._rng, self._words
        cart = self._next_cart()
        self._placed += 1
        order = {
            "order_id": f"ord-{self._run}-{self._placed:07d}",
            "customer_id": self._shop.customer_id(cart.customer),
            "status": words.statuses[0],
            "total_amount": sum(line.quantity * line.product.price_cents for line in cart.lines) / 100,
            "items": [_item(line) for line in cart.lines],
            "shipping_address": self._shop.address(cart.customer),
        }
        moment = own_seconds
        for line in cart.lines:
            self._plan(
                moment + between(rng, 0.0, 0.02) * self._order_seconds, partial(self._stock.sell, line)
            )
        # Each step takes longer than the one before: 1, 2, 3 parts of the whole.
        parts = len(words.statuses) * (len(words.statuses) - 1) / 2
        for part, status in enumerate(words.statuses[1:], start=1):
            moment += part / parts * self._order_seconds * between(rng, *_SPREAD)
            self._plan(moment, partial(_advance, order, status))
        for line in cart.lines:
            fate = rng.random()
            if fate < RETURN_SHARE:
                self._plan(
                    moment + between(rng, 0.1, 0.5) * self._order_seconds,
                    partial(self._stock.take_back, line),
                )
            elif fate < RETURN_SHARE + DAMAGE_SHARE:
                self._plan(moment, partial(self._stock.break_down, line))
        return dict(order)

    def _next_cart(self) -> Cart:
        if self.carts:
            return self.carts.pop()
        return draw_cart(self._rng, self._shop, skewed(self._rng, self._shop.customers))

    def _plan(self, own_seconds: float, step: Callable[[float], Draft]) -> None:
        if own_seconds >= 0.0:
            self.agenda.add(own_seconds, step)


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
