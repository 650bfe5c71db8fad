"""What a live run says of itself while it runs."""

from __future__ import annotations

import time

from pipeline.live.source import LiveSource


class LiveFigures:
    """The live source's figures, with the rate since they were last asked for."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source
        self._last_finished = 0
        self._last_time = time.monotonic()

    def __call__(self) -> str:
        """Messages, rows and latency so far, and messages finished a second."""
        finished, now = self._source.flight.finished, time.monotonic()
        rate = (finished - self._last_finished) / max(0.001, now - self._last_time)
        self._last_finished, self._last_time = finished, now
        return f"{self.so_far()}, {rate:,.0f} done/s"

    def so_far(self) -> str:
        """Messages, rows and latency so far."""
        source = self._source
        (p95,) = source.publish_to_row_ms(0.95)
        latency = "" if p95 is None else f", publish to row p95 {p95:,.0f} ms"
        return (
            f"{source.flight.admitted:,} messages read, {source.rows_written:,} rows written, "
            f"{source.flight.count():,} in flight{latency}"
        )
