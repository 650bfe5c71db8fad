"""Carts: what a customer is about to order."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

from generator.chance import pick, skewed
from generator.shop import Line, Shop

LINES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
"""Lines of a cart, all entries equally likely."""
QUANTITIES = (1, 1, 1, 2, 3)
"""Units of a line, all entries equally likely."""

LINES_PER_ORDER = sum(LINES) / len(LINES)
UNITS_PER_LINE = sum(QUANTITIES) / len(QUANTITIES)


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


def usual_cart_cents(shop: Shop) -> float:
    """Return what a cart is worth on average, popular products counted as often as `skewed` draws them."""
    count = len(shop.products)
    price_cents = sum(
        product.price_cents * (math.sqrt((index + 1) / count) - math.sqrt(index / count))
        for index, product in enumerate(shop.products)
    )
    return price_cents * LINES_PER_ORDER * UNITS_PER_LINE
