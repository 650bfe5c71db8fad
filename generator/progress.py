"""What a person sees while it runs and at the end, on standard error: standard output may hold data."""

from __future__ import annotations

import time
from typing import TextIO

from generator.ledger import DUPLICATES, LATE, MALFORMED, VALID, Ledger

_TERMINAL_SECONDS, _PLAIN_SECONDS = 0.2, 5.0


class Progress:
    """A line that updates itself on a terminal; elsewhere a plain line every 5 s."""

    def __init__(self, ledger: Ledger, out: TextIO) -> None:
        """Show `ledger` on `out`."""
        self._ledger, self._out = ledger, out
        self._on_terminal = out.isatty()
        self._every = _TERMINAL_SECONDS if self._on_terminal else _PLAIN_SECONDS
        self._begun = time.monotonic()
        self._due = self._begun + self._every
        self._last = (self._begun, 0)

    def show(self) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._every
        then, published_then = self._last
        published = self._ledger.published
        self._last = (now, published)
        rate = (published - published_then) / (now - then)
        line = f"generator: {now - self._begun:.0f} s, {published:,} messages, {rate:,.0f}/s"
        if self._ledger.failed:
            line += f", {self._ledger.failed:,} failed"
        print(
            f"\r\x1b[K{line}" if self._on_terminal else line,
            end="" if self._on_terminal else "\n",
            file=self._out,
        )
        self._out.flush()

    def finish(self, *, interrupted: bool) -> None:
        """Write the summary."""
        ledger, seconds = self._ledger, time.monotonic() - self._begun
        if self._on_terminal:
            print("\r\x1b[K", end="", file=self._out)
        print(
            f"generator: {'interrupted after' if interrupted else 'done:'} {ledger.published:,} messages "
            f"in {seconds:.1f} s ({ledger.published / max(seconds, 1e-9):,.0f}/s): "
            f"{ledger.total(VALID):,} valid ({ledger.total(LATE):,} of them late), "
            f"{ledger.total(MALFORMED):,} malformed, {ledger.total(DUPLICATES):,} duplicates.",
            file=self._out,
        )
        if ledger.failed:
            print(
                f"generator: {ledger.failed:,} messages could not be published, the first because of "
                f"{ledger.first_failure}",
                file=self._out,
            )
