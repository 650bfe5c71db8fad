"""What a run is doing, on a terminal as one line that changes, elsewhere as a line now and then."""

from __future__ import annotations

import sys
import threading
import time

from pipeline.live.source import LiveSource

TERMINAL_SECONDS = 0.5
PLAIN_SECONDS = 10.0


class Progress:
    """Prints the live source's figures on stderr until it is closed."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._print_until_stopped, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._terminal:
            print(file=sys.stderr)

    def _print_until_stopped(self) -> None:
        last_finished, last_time = 0, time.monotonic()
        while not self._stop.wait(TERMINAL_SECONDS if self._terminal else PLAIN_SECONDS):
            finished, now = self._source.flight.finished, time.monotonic()
            rate = (finished - last_finished) / (now - last_time)
            last_finished, last_time = finished, now
            self._print(f"{now - self._started:5.0f} s  {self.figures()}, {rate:,.0f} done/s")

    def figures(self) -> str:
        """Messages, rows and the latency so far."""
        source = self._source
        (p95,) = source.publish_to_row_ms(0.95)
        latency = "" if p95 is None else f", publish to row p95 {p95:,.0f} ms"
        return (
            f"{source.flight.admitted:,} messages read, {source.rows_written:,} rows written, "
            f"{source.flight.count():,} in flight{latency}"
        )

    def _print(self, line: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
