"""A file: one JSON object a line, on the disk before the alert counts as delivered."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from alert import Alert
from channels import Unavailable


class FileChannel:
    """Appends to the file: the alert's fields, `delivered_at` and `channel`."""

    name = "file"
    holds_incidents = False
    hears_late_states = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alert: Alert) -> None:
        """Append the line. Raises Unavailable if the disk does not take it."""
        delivered_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = json.dumps({**alert.fields(), "delivered_at": delivered_at, "channel": self.name}) + "\n"
        try:
            self._append(line.encode())
        except OSError as fault:
            raise Unavailable(f"the file does not take it: {fault.strerror}") from None

    def _append(self, line: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size_before = os.fstat(file.fileno()).st_size
            try:
                written = 0
                while written < len(line):
                    written += file.write(line[written:])
                os.fsync(file.fileno())
            except OSError:
                # Half a line on a full disk would spoil the next one. The first fault is the one to tell.
                with contextlib.suppress(OSError):
                    file.truncate(size_before)
                raise
