"""What a run is doing, on a terminal as one line that changes, elsewhere as a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

TERMINAL_SECONDS = 0.5
PLAIN_SECONDS = 10.0


class Progress:
    """Prints figures on stderr until it is closed."""

    def __init__(self, figures: Callable[[], str]) -> None:
        self._figures = figures
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
        while not self._stop.wait(TERMINAL_SECONDS if self._terminal else PLAIN_SECONDS):
            line = f"{time.monotonic() - self._started:5.0f} s  {self._figures()}"
            if self._terminal:
                print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            else:
                print(line, file=sys.stderr, flush=True)
