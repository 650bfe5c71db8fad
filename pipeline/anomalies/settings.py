"""When a window is worth an alert."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.anomalies.promotions import NO_PROMOTIONS, Calendar


class AnomalySettings(NamedTuple):
    """What the detectors need to know; made from the flags by pipeline.options."""

    window_seconds: int = 300
    """Of the orders' windows, and of the stock's."""
    ledger_window_seconds: int = 300
    threshold: float = 5.5
    """Distance from the expected, in robust standard deviations, from which a window counts as an anomaly."""
    min_change_share: float = 0.2
    """Share of the expected by which a window must at least differ: quiet hours make the spread tiny."""
    min_orders: int = 20
    """Orders that must be expected of a window before it is judged."""
    warmup_windows: int = 12
    """Windows that are only learnt from, before the first is judged."""
    cooldown_windows: int = 3
    """Windows in a row without a breach after which an alert is resolved."""
    min_validity_rate: float = 0.9
    """Share of messages that must not be rejected."""
    min_messages: int = 50
    """Messages a window must have before its validity is judged."""
    max_latency_ms: float | None = 60_000.0
    """Publish to processed, 95th percentile of a window; None: not judged, as in a run over files."""
    unusual_order_factor: float = 3.0
    """An order is unusual beyond so many times what 99.9 % of its category's orders come to."""
    stock_min_products: int = 3
    """Products of a warehouse that must run out at once."""
    promotions: Calendar = NO_PROMOTIONS
    all_at_once: bool = False
    """Whether all windows are there before the first is judged, as in a run over files."""

    @property
    def windows_per_day(self) -> float:
        """Order windows of a day."""
        return 86_400 / self.window_seconds
