"""How far a backfill has read, told by worker processes to the one that started them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

AHEAD, LOADED = "ahead", "loaded"


class ReadCounter:
    """Counts bytes in a folder that all processes of this machine can write to, if there is one."""

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder

    def add(self, phase: str, byte_count: int) -> None:
        """Count what was read: AHEAD to find duplicates, or LOADED."""
        if self.folder is not None:
            # A file of one's own: nobody has to wait for anybody.
            name = f"{phase}.{os.getpid()}.{threading.get_ident()}"
            with open(os.path.join(self.folder, name), "a") as counts:
                counts.write(f"{byte_count}\n")

    def total(self, phase: str) -> int:
        """Bytes counted so far."""
        if self.folder is None:
            return 0
        return sum(sum(map(int, each.read_text().split())) for each in Path(self.folder).glob(f"{phase}.*"))


class BackfillFigures:
    """The figures of a backfill on one machine, for its progress."""

    def __init__(self, counter: ReadCounter, all_bytes: int) -> None:
        self._counter = counter
        self._all_bytes = all_bytes
        self._loading_since = time.monotonic()
        self._loaded_bytes = 0

    def __call__(self) -> str:
        """Say how far it is."""
        now, loaded = time.monotonic(), self._counter.total(LOADED)
        if not loaded:
            self._loading_since = now
            return f"looking for duplicates: {self._share(self._counter.total(AHEAD))}"
        rate = loaded / 1e6 / max(0.001, now - self._loading_since)
        if loaded >= self._all_bytes:
            return "all is read; writing metrics and the audit trail"
        return f"loading: {self._share(loaded)}, {rate:,.0f} MB/s"

    def _share(self, byte_count: int) -> str:
        return f"{byte_count / max(1, self._all_bytes):4.0%} of {self._all_bytes / 1e6:,.0f} MB"
