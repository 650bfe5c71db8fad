"""`python -m local.archiver` as the stack runs it: a process with a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.archiver import READY
from local.child import REPOSITORY
from tests.archive.shop import Shop


class ArchiverProcess:
    """An archiver of one shop's messages."""

    def __init__(self, shop: Shop, every_seconds: int, log_path: Path) -> None:
        self._log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "local.archiver", "--subscription", shop.archive_subscription),
                    *("--to", shop.folder, "--every-seconds", str(every_seconds)),
                ],
                cwd=REPOSITORY,
                env={**os.environ, **shop.environment},
                stderr=log,
            )

    @property
    def said(self) -> str:
        return self._log_path.read_text()

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = 30.0) -> None:
        """Wait until `condition()`; the archiver must not end before."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        self.wait_until(lambda: READY in self.said)

    def end(self) -> str:
        """Ask it to end, which it must do well; returns what it has said."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(15) == 0, self.said
        return self.said

    def kill(self) -> None:
        """End it with SIGKILL: it cannot finish anything."""
        self._process.kill()
        self._process.wait()
