"""What a live run says of itself while it runs."""

from __future__ import annotations

import time

from pipeline.histogram import Histogram
from pipeline.live.source import LiveSource


class LiveFigures:
    """The live source's figures, with the rate and the latency since they were last asked for."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source
        self._last_finished = 0
        self._last_latency_ms = Histogram()
        self._last_time = time.monotonic()

    def __call__(self) -> str:
        """Messages and rows so far; latency and messages finished a second since the last call."""
        finished, latency_ms, now = (
            self._source.flight.finished,
            self._source.publish_to_row_ms(),
            time.monotonic(),
        )
        rate = (finished - self._last_finished) / max(0.001, now - self._last_time)
        latest_ms = latency_ms.since(self._last_latency_ms)
        self._last_finished, self._last_latency_ms, self._last_time = finished, latency_ms, now
        return f"{self._counts()}{_latency(latest_ms)}, {rate:,.0f} done/s"

    def so_far(self) -> str:
        """Messages, rows and latency so far."""
        return self._counts() + _latency(self._source.publish_to_row_ms())

    def _counts(self) -> str:
        flight = self._source.flight
        return (
            f"{flight.admitted:,} messages read, {self._source.rows_written:,} rows written, "
            f"{flight.count():,} in flight"
        )


def _latency(latency_ms: Histogram) -> str:
    p50, p95 = latency_ms.percentile(0.5), latency_ms.percentile(0.95)
    return "" if p50 is None else f", publish to row p50 {p50:,.0f} ms, p95 {p95:,.0f} ms"
