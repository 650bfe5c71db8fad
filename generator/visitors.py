"""Visitors of the shop: sessions of activity, some of which lead to orders."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from generator.agenda import Agenda, Draft
from generator.carts import LINES_PER_ORDER, Cart, draw_cart
from generator.chance import between, late_age_us, pick, skewed, stream, wait
from generator.clock import ProcessClock
from generator.shop import Product, Shop, customer_id
from generator.vocabulary import ACTIVITY, Vocabulary

ANONYMOUS_SHARE = 0.15
"""Sessions without a user: they look and leave."""
LOGIN_SHARE = 0.6
"""Of the others: the rest is still logged in."""
BUYING_SHARE = 0.9
LOGOUT_SHARE = 0.3
EXTRA_VIEWS = (0, 0, 1, 1, 2)
PAUSE_SECONDS = (0.2, 4.0)

_EXTRA_VIEWS = sum(EXTRA_VIEWS) / len(EXTRA_VIEWS)
ACTIVITIES_PER_SESSION = ANONYMOUS_SHARE * (1 + _EXTRA_VIEWS) + (1 - ANONYMOUS_SHARE) * (
    LOGIN_SHARE + LINES_PER_ORDER * (1 + BUYING_SHARE) + _EXTRA_VIEWS + LOGOUT_SHARE
)
"""User activity events a session has on average."""

_LONGEST_SESSION_SECONDS = 60.0
_DEVICES = (
    *(("mobile", "Chrome"), ("mobile", "Safari"), ("mobile", "shop app")),
    *(("desktop", "Chrome"), ("desktop", "Firefox"), ("desktop", "Edge"), ("tablet", "Safari")),
)
_SOURCES: tuple[tuple[str | None, str | None], ...] = (
    *((None, None), (None, None), ("https://www.example.com/search", None)),
    *(("https://news.example.org/", "cmp-newsletter"), ("https://social.example.net/", "cmp-social")),
)


class Visitors:
    """Opens sessions at a steady rate on its own clock and leaves filled carts in `carts`."""

    def __init__(
        self,
        shop: Shop,
        words: Vocabulary,
        clock: ProcessClock,
        carts: deque[Cart],
        *,
        seed: int,
        run: str,
        sessions_per_second: float,
        late_probability: float,
    ) -> None:
        """Prepare the sessions under way."""
        self.agenda = Agenda(clock)
        self._shop, self._words, self._carts, self._run = shop, words, carts, run
        self._rng = stream(seed, "visitors")
        self._gap_seconds = 1.0 / sessions_per_second
        self._late_probability = late_probability
        self._opened = 0
        own_seconds = -_LONGEST_SESSION_SECONDS
        while own_seconds < 0.0:
            self._open(own_seconds)
            own_seconds += wait(self._rng, self._gap_seconds)
        self.agenda.add(own_seconds, self._arrive)
        self.agenda.look_ahead()

    def _arrive(self, own_seconds: float) -> None:
        self.agenda.add(own_seconds + wait(self._rng, self._gap_seconds), self._arrive)
        self._open(own_seconds)

    def _open(self, own_seconds: float) -> None:
        """Plan a whole session; steps before time 0 are left out."""
        rng, words, shop = self._rng, self._words, self._shop
        self._opened += 1
        customer = skewed(rng, shop.customers)
        anonymous = rng.random() < ANONYMOUS_SHARE
        session = self._session_details(customer, anonymous)
        user_id = None if anonymous else customer_id(customer)
        cart = draw_cart(rng, shop, customer)
        steps: list[tuple[str, Product | None, int | None]] = []
        if not anonymous and rng.random() < LOGIN_SHARE:
            steps.append((words.login, None, None))
        for _ in range(pick(rng, EXTRA_VIEWS) + anonymous):
            steps.append((words.view, shop.products[skewed(rng, len(shop.products))], None))
        buys = not anonymous and rng.random() < BUYING_SHARE
        for line in () if anonymous else cart.lines:
            steps.append((words.view, line.product, None))
            if buys:
                steps.append((words.add, line.product, line.quantity))
        leaves = not anonymous and rng.random() < LOGOUT_SHARE
        # A late session comes late as a whole: a phone that was offline keeps its events in order.
        age_us = late_age_us(rng, self._late_probability)
        moment = own_seconds
        for activity, product, quantity in steps:
            moment += between(rng, *PAUSE_SECONDS)
            self._plan(moment, partial(_act, user_id, activity, session, product, quantity, age_us))
        if buys:
            moment += 0.1
            self._plan(moment, partial(self._hand_over, cart))
        if leaves:
            self._plan(
                moment + between(rng, *PAUSE_SECONDS),
                partial(_act, user_id, words.logout, session, None, None, age_us),
            )

    def _session_details(self, customer: int, anonymous: bool) -> dict[str, Any]:
        device, browser = pick(self._rng, _DEVICES)
        referrer, campaign = pick(self._rng, _SOURCES)
        home = self._shop.address(customer)
        details = {
            "session_id": f"ses-{self._run}-{self._opened:07d}",
            "device_type": device,
            "browser": browser,
            "geo_country": home["country"],
            "geo_city": home["city"],
        }
        if not anonymous:
            details["user_segment"] = self._shop.segment(customer)
        if referrer is not None:
            details["referrer"] = referrer
        if campaign is not None:
            details["campaign_id"] = campaign
        return details

    def _hand_over(self, cart: Cart, own_seconds: float) -> None:
        self._carts.append(cart)

    def _plan(self, own_seconds: float, step: Callable[[float], Draft | None]) -> None:
        if own_seconds >= 0.0:
            self.agenda.add(own_seconds, step)


def _act(
    user_id: str | None,
    activity: str,
    session: Mapping[str, Any],
    product: Product | None,
    quantity: int | None,
    age_us: int,
    own_seconds: float,
) -> Draft:
    metadata = dict(session)
    if product is not None:
        metadata["product_id"] = product.product_id
        metadata["category"] = product.category
        metadata["price"] = product.price_cents / 100
    if quantity is not None:
        metadata["quantity"] = quantity
    return Draft(ACTIVITY, {"user_id": user_id, "activity_type": activity, "metadata": metadata}, age_us)
