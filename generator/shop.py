"""What the shop has: products, customers, addresses, stock."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from faker import Faker

from generator.chance import between, pick, stream

CATALOGUE: Mapping[str, tuple[tuple[str, ...], int, int]] = {
    # category: nouns, lowest and highest price in cents
    "electronics": (("Headphones", "Keyboard", "Webcam", "Power Bank", "Speaker"), 1_900, 39_900),
    "home": (("Desk Lamp", "Kettle", "Cushion", "Bookshelf", "Wall Clock"), 900, 14_900),
    "fashion": (("Scarf", "Jacket", "Sneakers", "Belt", "Raincoat"), 1_200, 18_900),
    "sports": (("Yoga Mat", "Water Bottle", "Dumbbell", "Bike Helmet", "Rope"), 700, 12_900),
    "beauty": (("Hand Cream", "Shampoo", "Perfume", "Soap", "Lip Balm"), 300, 8_900),
    "toys": (("Puzzle", "Kite", "Building Blocks", "Board Game", "Teddy Bear"), 800, 6_900),
    "books": (("Novel", "Cookbook", "Atlas", "Notebook", "Comic"), 500, 4_900),
    "garden": (("Watering Can", "Seed Box", "Pruner", "Hammock", "Lantern"), 600, 19_900),
}
LOCALES: Mapping[str, str] = {
    "en_US": "US",
    "en_GB": "GB",
    "de_DE": "DE",
    "fr_FR": "FR",
    "es_ES": "ES",
    "pl_PL": "PL",
    "ja_JP": "JP",
}
ADDRESSES_PER_LOCALE = 60
SEGMENTS = ("new", "returning", "returning", "loyal")
FIRST_STOCK_UNITS = (80, 240)


class Product(NamedTuple):
    """One product of the catalogue."""

    product_id: str
    name: str
    category: str
    price_cents: int


class Line(NamedTuple):
    """Some units of one product: a line of a cart or an order."""

    product: Product
    quantity: int


class Shop:
    """The catalogue, the customers and the stock, all drawn from `seed`.

    Customers are computed from their number and cost no memory; Faker fills pools once, because
    asking it per event would be the slowest thing here by far.
    """

    def __init__(self, seed: int, customers: int, products: int, warehouses: int) -> None:
        """Draw everything; takes about 50 ms, and 20 µs more per product."""
        rng = stream(seed, "shop")
        self.customers = customers
        self.products = _products(rng, seed, products)
        self.addresses = _addresses(seed)
        self.warehouses = warehouse_ids(warehouses)
        self._stock_rng = stream(seed, "stock")
        self._stock: dict[tuple[str, str], int] = {}

    def address(self, customer: int) -> Mapping[str, str]:
        """Return where customer number `customer` lives: the contract's shipping_address."""
        # A prime step spreads neighbours over all countries; the same customer never moves.
        return self.addresses[customer * 7919 % len(self.addresses)]

    def segment(self, customer: int) -> str:
        """Return the segment of customer number `customer`."""
        return SEGMENTS[customer % len(SEGMENTS)]

    def stock(self, warehouse_id: str, product: Product) -> int:
        """Return the units of `product` in a warehouse."""
        key = (warehouse_id, product.product_id)
        units = self._stock.get(key)
        if units is None:
            units = self._stock[key] = int(between(self._stock_rng, *FIRST_STOCK_UNITS))
        return units

    def move_stock(self, warehouse_id: str, product: Product, units: int) -> int:
        """Add `units` (negative: remove) and return what is there now."""
        now = self.stock(warehouse_id, product) + units
        self._stock[warehouse_id, product.product_id] = now
        return now


def warehouse_ids(count: int) -> tuple[str, ...]:
    """Return the ids of a shop's `count` warehouses."""
    return tuple(f"wh-{number:02d}" for number in range(1, count + 1))


def product_ids(count: int) -> tuple[str, ...]:
    """Return the ids of a shop's `count` products."""
    return tuple(f"prd-{number:05d}" for number in range(1, count + 1))


def customer_id(number: int) -> str:
    """Return the id of customer `number`, counted from 0."""
    return f"cus-{number + 1:06d}"


def _products(rng: Random, seed: int, count: int) -> tuple[Product, ...]:
    fake = Faker("en_US")
    fake.seed_instance(seed)
    categories = tuple(CATALOGUE)
    products = []
    for product_id in product_ids(count):
        category = pick(rng, categories)
        nouns, low, high = CATALOGUE[category]
        # Squared, so that cheap products are more common than dear ones.
        draw = rng.random()
        price_cents = low + int(draw * draw * (high - low))
        name = f"{fake.color_name()} {pick(rng, nouns)}"
        products.append(Product(product_id, name, category, price_cents))
    return tuple(products)


def _addresses(seed: int) -> tuple[Mapping[str, str], ...]:
    addresses: list[Mapping[str, str]] = []
    for locale, country in LOCALES.items():
        fake = Faker(locale)
        fake.seed_instance(seed)
        for _ in range(ADDRESSES_PER_LOCALE):
            addresses.append(
                {
                    "street": fake.street_address().replace("\n", ", "),
                    "city": fake.city(),
                    "state": fake.administrative_unit(),
                    "postal_code": fake.postcode(),
                    "country": country,
                }
            )
    return tuple(addresses)
