"""What is judged, taken from the revisions of the metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.anomalies.in_order import InOrder, Judge
from pipeline.anomalies.ledger import LedgerJudge
from pipeline.anomalies.orders import NO_ORDERS, OrderJudge, OrderWindow
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.stock import StockJudge
from pipeline.transforms.windowed_sums import Revision

ORDERS, LEDGER = "orders", "ledger"
_WAREHOUSE = "warehouse "


class Observation(NamedTuple):
    """What one pane says of a window."""

    window_start_us: int
    window_end_us: int
    is_late: bool
    observed: Any
    """OrderWindow, {event_type: Counts} or {product_id: Moves}."""


def observe_orders(revision: Revision) -> tuple[str, Observation] | None:
    """A group of order totals, reduced to what is judged."""
    totals = revision.parts
    if revision.group == "all":
        observed = OrderWindow(totals["all"].orders, totals["all"].revenue.value())
    elif revision.pane_timing == "late":
        return None
    else:
        counts = {value: each.orders for value, each in totals.items()}
        values = {value: each.order_values for value, each in totals.items() if each.order_values is not None}
        observed = OrderWindow(0, 0.0, {revision.group: counts}, values)
    return _keyed(ORDERS, revision, observed)


def observe_ledger(revision: Revision) -> tuple[str, Observation] | None:
    """The counts of a window."""
    return None if revision.pane_timing == "late" else _keyed(LEDGER, revision, revision.parts)


def observe_stock(revision: Revision) -> tuple[str, Observation] | None:
    """The movements of a window in one warehouse."""
    return _keyed(_WAREHOUSE + revision.group, revision, revision.parts)


def _keyed(key: str, revision: Revision, observed: Any) -> tuple[str, Observation] | None:
    if revision.pane_timing == "early":
        return None
    is_late = revision.pane_timing == "late"
    return key, Observation(revision.window_start_us, revision.window_end_us, is_late, observed)


def assemble(key: str, observations: Iterable[Observation]) -> dict[int, Any]:
    """What was observed of each window, by its start."""
    windows: dict[int, Any] = {}
    for observation in observations:
        start_us, observed = observation.window_start_us, observation.observed
        if key == ORDERS:
            windows[start_us] = windows.get(start_us, NO_ORDERS).with_part(observed)
        else:
            windows[start_us] = observed
    return windows


def new_judge(key: str, settings: AnomalySettings) -> InOrder:
    """The judge of a key, who knows nothing yet."""
    if key == LEDGER:
        return InOrder(LedgerJudge(settings), settings.ledger_window_seconds * 1_000_000)
    judge: Judge = (
        OrderJudge(settings) if key == ORDERS else StockJudge(settings, key.removeprefix(_WAREHOUSE))
    )
    return InOrder(judge, settings.window_seconds * 1_000_000)
