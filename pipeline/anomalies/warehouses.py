"""Warehouses in buckets, so that a producer who sends any number of them does not make as many states."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from pipeline.alerts import Alert
from pipeline.anomalies.life import Window
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.stock import Moves, StockJudge
from pipeline.anomalies.verdicts import Verdicts

BUCKETS = 16
MAX_WAREHOUSES = 100
"""Of a bucket: the first that come."""

Movements = Mapping[str, Mapping[str, Moves]]
"""warehouse_id -> product_id -> movements."""


def bucket_of(warehouse_id: str) -> int:
    """The bucket of a warehouse, the same in every process."""
    return zlib.crc32(warehouse_id.encode("utf-8", "surrogatepass")) % BUCKETS


class WarehousesJudge:
    """The stock of a bucket's warehouses, one StockJudge each."""

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings
        self.judges: dict[str, StockJudge] = {}

    def use(self, settings: AnomalySettings) -> None:
        """Judge by other settings from now on."""
        self.settings = settings
        for judge in self.judges.values():
            judge.settings = settings

    @property
    def wants_gaps(self) -> bool:
        """Whether a window without any movement matters: while an alert waits to be resolved."""
        return any(judge.wants_gaps for judge in self.judges.values())

    def judge(self, window: Window, observed: Movements | None) -> Verdicts:
        """Judge the next window. None: nothing moved."""
        moved = observed or {}
        self._meet(moved)
        alerts: list[Alert] = []
        for warehouse_id, judge in self.judges.items():
            alerts += judge.judge(window, moved.get(warehouse_id)).alerts
        return Verdicts(alerts, [])

    def correct(self, window: Window, observed: Movements) -> list[Alert]:
        """Movements that come late are counted in the levels; no alert is made of them."""
        self._meet(observed)
        for warehouse_id, moves in observed.items():
            if warehouse_id in self.judges:
                self.judges[warehouse_id].correct(window, moves)
        return []

    def _meet(self, moved: Movements) -> None:
        for warehouse_id in sorted(moved):
            if warehouse_id not in self.judges and len(self.judges) < MAX_WAREHOUSES:
                self.judges[warehouse_id] = StockJudge(self.settings, warehouse_id)
