"""The movements of stock: sales that follow orders, restocking, returns, damage."""

from __future__ import annotations

from collections import deque
from functools import partial
from random import Random

from generator.agenda import Agenda, Draft
from generator.chance import pick
from generator.deliveries import Deliveries
from generator.shop import Line, Product, Shop
from generator.vocabulary import INVENTORY, Vocabulary

RESTOCK_BELOW_UNITS = 40
RESTOCK_UNITS = 200
RESTOCK_DELAY = 0.5
"""Seconds on the orders' clock from running low to being restocked."""


class Stock:
    """Moves the shop's stock; no warehouse ever holds less than nothing.

    Every public method is a step on the orders' agenda and causes one inventory event, or none while
    deliveries are held back. Then a restock waits on the deliveries' own agenda for the instant at
    which they come again, and what no warehouse can send waits for the next units of its product.
    """

    def __init__(
        self, shop: Shop, words: Vocabulary, agenda: Agenda, deliveries: Deliveries, rng: Random, run: str
    ) -> None:
        """Work on `shop`'s stock; `run` makes the movements' ids unique."""
        self._shop, self._words, self._agenda, self._rng, self._run = shop, words, agenda, rng, run
        self._deliveries = deliveries
        self._on_the_way: set[tuple[str, str]] = set()
        self._waiting: dict[str, deque[tuple[str, Line]]] = {}
        """Product id -> reasons and lines that no warehouse could send, the oldest first."""
        self._moved = 0

    def sell(self, line: Line, own_seconds: float) -> Draft | None:
        """Take a sold line out of a warehouse that has it."""
        return self._take(self._agenda, self._words.sale, line, own_seconds)

    def break_down(self, line: Line, own_seconds: float) -> Draft | None:
        """Write off damaged units of a line."""
        return self._take(self._agenda, self._words.damage, line, own_seconds)

    def take_back(self, line: Line, own_seconds: float) -> Draft:
        """Put a returned line into any warehouse."""
        warehouse_id = pick(self._rng, self._shop.warehouses)
        draft = self._move(self._words.giveback, warehouse_id, line.product, line.quantity)
        self._serve_waiting(self._agenda, warehouse_id, line.product, own_seconds)
        return draft

    def _restock(
        self, agenda: Agenda, warehouse_id: str, product: Product, own_seconds: float
    ) -> Draft | None:
        """Fill a warehouse up, or wait until deliveries come again; a step of `agenda`."""
        held_until_us = self._deliveries.held_until_us(warehouse_id, product.product_id, agenda.now_us)
        if held_until_us is not None:
            self._deliveries.wait_until(
                held_until_us, partial(self._restock, self._deliveries.agenda, warehouse_id, product)
            )
            return None
        self._on_the_way.discard((warehouse_id, product.product_id))
        draft = self._move(self._words.restock, warehouse_id, product, RESTOCK_UNITS)
        self._serve_waiting(agenda, warehouse_id, product, own_seconds)
        return draft

    def _take(self, agenda: Agenda, reason: str, line: Line, own_seconds: float) -> Draft | None:
        """Take a line out of a warehouse that has it; a step of `agenda`."""
        warehouses = self._shop.warehouses
        first = int(self._rng.random() * len(warehouses))
        rotation = warehouses[first:] + warehouses[:first]
        product = line.product
        for warehouse_id in rotation:
            if self._shop.stock(warehouse_id, product) >= line.quantity:
                draft = self._move(reason, warehouse_id, product, -line.quantity)
                self._restock_if_low(agenda, warehouse_id, product, own_seconds)
                return draft
        for warehouse_id in rotation:
            held = self._deliveries.held_until_us(warehouse_id, product.product_id, agenda.now_us)
            if held is None:
                # Nobody has it: a delivery comes first, and the same step is tried again right after it.
                agenda.add(own_seconds, partial(self._take, agenda, reason, line))
                return self._restock(agenda, warehouse_id, product, own_seconds)
            self._restock_if_low(agenda, warehouse_id, product, own_seconds)
        self._waiting.setdefault(product.product_id, deque()).append((reason, line))
        return None

    def _serve_waiting(self, agenda: Agenda, warehouse_id: str, product: Product, own_seconds: float) -> None:
        """Try again, right after this step, whatever the warehouse now has the units for."""
        waiting = self._waiting.get(product.product_id)
        units = self._shop.stock(warehouse_id, product) if waiting else 0
        while waiting and waiting[0][1].quantity <= units:
            reason, line = waiting.popleft()
            units -= line.quantity
            agenda.add(own_seconds, partial(self._take, agenda, reason, line))

    def _restock_if_low(
        self, agenda: Agenda, warehouse_id: str, product: Product, own_seconds: float
    ) -> None:
        key = (warehouse_id, product.product_id)
        if self._shop.stock(warehouse_id, product) < RESTOCK_BELOW_UNITS and key not in self._on_the_way:
            self._on_the_way.add(key)
            step = partial(self._restock, agenda, warehouse_id, product)
            agenda.add(own_seconds + RESTOCK_DELAY, step)

    def _move(self, reason: str, warehouse_id: str, product: Product, units: int) -> Draft:
        self._shop.move_stock(warehouse_id, product, units)
        self._moved += 1
        fields = {
            "inventory_id": f"inv-{self._run}-{self._moved:07d}",
            "product_id": product.product_id,
            "warehouse_id": warehouse_id,
            "quantity_change": units,
            "reason": reason,
        }
        return Draft(INVENTORY, fields, 0)
