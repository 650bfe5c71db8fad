"""`python -m pipeline.main` as a user runs it: a process with flags, variables and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

REPOSITORY = Path(__file__).resolve().parents[2]


class PipelineProcess:
    """A running pipeline; what it says goes to a file in `folder`, so that nothing it says can block it."""

    def __init__(self, flags: list[str], environment: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True)
        self._stats_path = folder / "stats.json"
        self._log_path = folder / "log"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.main", *flags, f"--stats_path={self._stats_path}"],
                cwd=REPOSITORY,
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def last_line(self) -> str:
        return self.said.rstrip("\n").rsplit("\n", 1)[-1]

    def stats(self) -> dict[str, Any]:
        """The figures that the run has left."""
        figures: dict[str, Any] = orjson.loads(self._stats_path.read_bytes())
        return figures

    def wait(self, timeout_seconds: float = 60.0) -> int:
        """Wait until it ends by itself; returns the exit code."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout_seconds} s:\n{self.said}") from None

    def must_succeed(self, timeout_seconds: float = 60.0) -> None:
        assert self.wait(timeout_seconds) == 0, self.said

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
        """Wait until `condition()`; the pipeline must not end before."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"it has not come to it:\n{self.said}")
            time.sleep(0.1)

    def terminate(self) -> None:
        """Ask it to drain."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL: it cannot finish anything."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
