"""Stock, from its movements: what runs out without being restocked, and what moves the wrong way.

Nobody says how much there is, but movements add up: a product that was always restocked when it had come
down to one level, and is well below that level now, is running out. A single product may be one whose restock
was a dead letter; several at once are a delivery that has not come.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from pipeline.alerts import Alert
from pipeline.anomalies import sentences
from pipeline.anomalies.baseline import DAY_US
from pipeline.anomalies.life import Breach, Measured, Subject, Watch, Window
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import Verdicts

MAX_PRODUCTS = 10_000
"""Products of a warehouse that are followed, the first that come."""
RESTOCKS_NEEDED = 2
"""Before the level at which a product is restocked counts as known."""
RESTOCKS_KEPT = 4
EXCEPTIONS_ALLOWED = 3
"""Restocks far below that level after which it counts as lower."""
LOST_SHARE = 0.5
"""Of a restock's usual size: further below, it is the restock's message that is missing."""
MARGIN_SHARE = 0.06
"""Of a restock's usual size: how far below that level a product may fall."""


class Moves:
    """Movements of one product; add up in any order."""

    __slots__ = ("restocked", "restocks", "units", "wrong_way")

    def __init__(self, units: int = 0, restocked: int = 0, restocks: int = 0, wrong_way: int = 0) -> None:
        self.units = units
        """The sum of all changes."""
        self.restocked = restocked
        self.restocks = restocks
        self.wrong_way = wrong_way
        """Movements whose sign goes against their reason."""

    def add_movement(self, reason: str, units: int) -> None:
        """Take in one movement: units come in with a restock or a return, and go out otherwise."""
        self.units += units
        if (units > 0) != (reason in ("restock", "return")):
            self.wrong_way += 1
        elif reason == "restock":
            self.restocked += units
            self.restocks += 1

    def add(self, other: Moves) -> None:
        """Take in what another one has."""
        self.units += other.units
        self.restocked += other.restocked
        self.restocks += other.restocks
        self.wrong_way += other.wrong_way

    def __reduce__(self) -> tuple[type[Moves], tuple[int, int, int, int]]:
        return Moves, (self.units, self.restocked, self.restocks, self.wrong_way)


class Level:
    """The stock of one product, counted from where it was first seen."""

    __slots__ = ("exceptions", "lows", "moved_at_us", "sizes", "units")

    def __init__(self) -> None:
        self.units = 0
        self.exceptions = 0
        self.moved_at_us = 0
        self.lows: tuple[int, ...] = ()
        """At the last restocks: a movement that became a dead letter shifts all that follow."""
        self.sizes: tuple[int, ...] = ()
        """Of the last restocks, in units."""

    def move(self, moves: Moves, at_us: int) -> None:
        """Take in a window's movements."""
        self.moved_at_us = max(self.moved_at_us, at_us)
        if moves.restocks:
            before = self.units + moves.units - moves.restocked
            self.exceptions = self.exceptions + 1 if self.missing else 0
            if not self.missing or self.exceptions >= EXCEPTIONS_ALLOWED:
                self.lows = (*self.lows, before)[-RESTOCKS_KEPT:]
            self.sizes = (*self.sizes, moves.restocked // moves.restocks)[-RESTOCKS_KEPT:]
        self.units += moves.units

    @property
    def missing(self) -> int:
        """Units below the level at which it was always restocked, if that is too many; else 0."""
        if len(self.lows) < RESTOCKS_NEEDED:
            return 0
        below = min(self.lows) - self.units
        return below if below > max(1, MARGIN_SHARE * self.restock_units) else 0

    @property
    def restock_units(self) -> int:
        """What a restock usually brings."""
        return int(median(self.sizes)) if self.sizes else 0

    def find_lost_restock(self) -> None:
        """Stock is never far below nothing: a level that is has missed a restock, perhaps a dead letter."""
        if self.missing > LOST_SHARE * self.restock_units:
            self.units += self.restock_units


class StockJudge:
    """The levels of one warehouse's products: eleven numbers each, of at most `MAX_PRODUCTS`."""

    def __init__(self, settings: AnomalySettings, warehouse_id: str) -> None:
        self.settings = settings
        self.warehouse_id = warehouse_id
        self.levels: dict[str, Level] = {}
        self.running_out = Watch(Subject("products_running_out", "warehouse", warehouse_id))
        self.wrong_way = Watch(Subject("wrong_way_movements", "warehouse", warehouse_id))

    @property
    def wants_gaps(self) -> bool:
        """Whether a window without any movement matters: while an alert waits to be resolved."""
        return self.wrong_way.is_open

    def judge(self, window: Window, observed: Mapping[str, Moves] | None) -> Verdicts:
        """Judge the next window. None: nothing moved."""
        moved = observed or {}
        self._move(window, moved)
        cooldown = self.settings.cooldown_windows
        missing = sorted(
            (
                (product, level.missing)
                for product, level in self.levels.items()
                if level.missing and window.start_us - level.moved_at_us <= DAY_US
            ),
            key=lambda each: (-each[1], each[0]),
        )
        most = self.settings.stock_min_products - 1
        breach = None
        if len(missing) > most:
            breach = Breach("stock_low", "error", sentences.running_out(self.warehouse_id, missing))
        told = self.running_out.observe(window, Measured(len(missing), None, most), breach, cooldown)
        wrong = {product: moves.wrong_way for product, moves in moved.items() if moves.wrong_way}
        breach = None
        if wrong:
            example = max(sorted(wrong), key=lambda product: wrong[product])
            words = sentences.wrong_way(self.warehouse_id, sum(wrong.values()), example)
            breach = Breach("wrong_way", "warning", words)
        told += self.wrong_way.observe(window, Measured(sum(wrong.values()), None, 0.0), breach, cooldown)
        return Verdicts(told, [])

    def correct(self, window: Window, observed: Mapping[str, Moves]) -> list[Alert]:
        """Movements that come late are counted in the levels; no alert is made of them."""
        self._move(window, observed)
        return []

    def _move(self, window: Window, moved: Mapping[str, Moves]) -> None:
        for product, moves in moved.items():
            level = self.levels.get(product)
            if level is None:
                if len(self.levels) >= MAX_PRODUCTS:
                    continue
                level = self.levels[product] = Level()
            level.move(moves, window.start_us)
            if not self.running_out.is_open:  # several at once are no dead letters, however far they fall
                level.find_lost_restock()
