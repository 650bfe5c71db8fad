"""What is judged, taken from the revisions of the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.anomalies.in_order import InOrder, Judge
from pipeline.anomalies.ledger import LedgerJudge
from pipeline.anomalies.orders import NO_ORDERS, OrderJudge, OrderWindow
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.stock import Moves
from pipeline.anomalies.warehouses import WarehousesJudge, bucket_of
from pipeline.packing import unpack
from pipeline.rows import content_id
from pipeline.transforms.windowed_sums import Revision

ORDERS, LEDGER = "orders", "ledger"
_STOCK = "stock "
LONGEST_VALUE = 128
"""Characters of a dimension's value that state and alerts keep; the contract bounds no category."""


class Observation(NamedTuple):
    """What one pane says of a window."""

    window_start_us: int
    window_end_us: int
    observed: Any
    """OrderWindow, {event_type: Counts} or {warehouse_id: {product_id: Moves}}."""


def observe_orders(revision: Revision) -> tuple[str, Observation] | None:
    """A group of order totals, reduced to what is judged."""
    totals = revision.parts
    if revision.group == "all":
        observed = OrderWindow(totals["all"].orders, totals["all"].revenue.value())
    elif revision.pane_timing == "late":
        return None
    else:
        named = {_short(value): each for value, each in totals.items()}
        counts = {value: each.orders for value, each in named.items()}
        values = {value: each.order_values for value, each in named.items() if each.order_values is not None}
        observed = OrderWindow(0, 0.0, {revision.group: counts}, values)
    return _keyed(ORDERS, revision, observed)


def observe_ledger(revision: Revision) -> tuple[str, Observation] | None:
    """The counts of a window."""
    return None if revision.pane_timing == "late" else _keyed(LEDGER, revision, revision.parts)


def observe_stock(revision: Revision) -> tuple[str, Observation] | None:
    """The movements of a window in one warehouse."""
    return _keyed(f"{_STOCK}{bucket_of(revision.group)}", revision, {revision.group: revision.parts})


def _short(value: str) -> str:
    """A dimension's value, cut to `LONGEST_VALUE`; different ones stay different."""
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 33]}…{content_id([value])}"


def _keyed(key: str, revision: Revision, observed: Any) -> tuple[str, Observation] | None:
    if revision.pane_timing == "early":
        return None
    return key, Observation(revision.window_start_us, revision.window_end_us, observed)


def assemble(key: str, observations: Iterable[Observation]) -> dict[int, Any]:
    """What was observed of each window, by its start: the panes of a window put together."""
    windows: dict[int, Any] = {}
    for observation in observations:
        start_us, observed = observation.window_start_us, observation.observed
        if key == ORDERS:
            windows[start_us] = windows.get(start_us, NO_ORDERS).with_part(observed)
        elif key.startswith(_STOCK):
            _add(windows.setdefault(start_us, {}), observed)
        else:
            windows[start_us] = observed
    return windows


class PackedWindows(Mapping[int, Any]):
    """What `assemble` gives of (window start in µs, packed Observation); each is unpacked when asked for."""

    def __init__(self, key: str, observations: Iterable[tuple[int, bytes]]) -> None:
        self._key = key
        self._packed: dict[int, list[bytes]] = {}
        for start_us, packed in observations:
            self._packed.setdefault(start_us, []).append(packed)

    def __getitem__(self, start_us: int) -> Any:
        return assemble(self._key, map(unpack, self._packed[start_us]))[start_us]

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


def _add(movements: dict[str, dict[str, Moves]], others: dict[str, dict[str, Moves]]) -> None:
    for warehouse_id, products in others.items():
        into = movements.setdefault(warehouse_id, {})
        for product_id, moves in products.items():
            into.setdefault(product_id, Moves()).add(moves)


def judge_of(key: str, settings: AnomalySettings, stored: InOrder | None = None) -> InOrder:
    """The judge of a key: the one that was stored, by the settings of now, else one who knows nothing."""
    seconds = settings.ledger_window_seconds if key == LEDGER else settings.window_seconds
    if stored is not None and stored.window_us == seconds * 1_000_000:
        stored.judge.use(settings)
        return stored
    judge: Judge
    if key == LEDGER:
        judge = LedgerJudge(settings)
    elif key == ORDERS:
        judge = OrderJudge(settings)
    else:
        judge = WarehousesJudge(settings)
    return InOrder(judge, seconds * 1_000_000)
