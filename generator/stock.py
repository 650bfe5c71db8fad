"""The movements of stock: sales that follow orders, restocking, returns, damage."""

from __future__ import annotations

from functools import partial
from random import Random

from generator.agenda import Agenda, Draft
from generator.chance import pick
from generator.shop import Line, Product, Shop
from generator.vocabulary import INVENTORY, Vocabulary

RESTOCK_BELOW_UNITS = 40
RESTOCK_UNITS = 200
RESTOCK_DELAY = 0.5
"""Seconds on the orders' clock from running low to being restocked."""


class Stock:
    """Moves the shop's stock; no warehouse ever holds less than nothing.

    Every public method but `restock` is a step on the orders' agenda and causes one inventory event.
    """

    def __init__(self, shop: Shop, words: Vocabulary, agenda: Agenda, rng: Random, run: str) -> None:
        """Work on `shop`'s stock; `run` makes the movements' ids unique."""
        self._shop, self._words, self._agenda, self._rng, self._run = shop, words, agenda, rng, run
        self._on_the_way: set[tuple[str, str]] = set()
        self._moved = 0

    def sell(self, line: Line, own_seconds: float) -> Draft:
        """Take a sold line out of a warehouse that has it."""
        return self._take(self._words.sale, line, own_seconds)

    def break_down(self, line: Line, own_seconds: float) -> Draft:
        """Write off damaged units of a line."""
        return self._take(self._words.damage, line, own_seconds)

    def take_back(self, line: Line, own_seconds: float) -> Draft:
        """Put a returned line into any warehouse."""
        return self._move(
            self._words.giveback, pick(self._rng, self._shop.warehouses), line.product, line.quantity
        )

    def restock(self, warehouse_id: str, product: Product, own_seconds: float) -> Draft:
        """Fill a warehouse up."""
        self._on_the_way.discard((warehouse_id, product.product_id))
        return self._move(self._words.restock, warehouse_id, product, RESTOCK_UNITS)

    def _take(self, reason: str, line: Line, own_seconds: float) -> Draft:
        warehouses = self._shop.warehouses
        first = int(self._rng.random() * len(warehouses))
        for warehouse_id in warehouses[first:] + warehouses[:first]:
            if self._shop.stock(warehouse_id, line.product) >= line.quantity:
                draft = self._move(reason, warehouse_id, line.product, -line.quantity)
                self._restock_if_low(warehouse_id, line.product, own_seconds)
                return draft
        # Nobody has it: a delivery comes first, and the same step is tried again right after it.
        self._agenda.add(own_seconds, partial(self._take, reason, line))
        return self.restock(warehouses[first], line.product, own_seconds)

    def _restock_if_low(self, warehouse_id: str, product: Product, own_seconds: float) -> None:
        key = (warehouse_id, product.product_id)
        if self._shop.stock(warehouse_id, product) < RESTOCK_BELOW_UNITS and key not in self._on_the_way:
            self._on_the_way.add(key)
            self._agenda.add(own_seconds + RESTOCK_DELAY, partial(self.restock, warehouse_id, product))

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
